import { type Logger, pino } from 'pino';

export type Log = Logger;

/**
 * The structured log, one JSON document a line. Values that carry a secret are redacted by their place; no code is meant to log them
 * in the first place (test/rules/ searches every captured line for every secret minted).
 */
export function createLog(level: string, destination: NodeJS.WritableStream): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: [
          'authorization',
          '*.authorization',
          '*.*.authorization',
          'token',
          '*.token',
          'key',
          '*.key',
          'cookie',
          '*.cookie',
          '*.*.cookie',
        ],
        censor: '[redacted]',
      },
    },
    destination,
  );
}
