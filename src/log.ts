import { type Logger, pino } from 'pino';
import { withoutSecrets } from './secrets/redaction.ts';

export type Log = Logger;

/**
 * The structured log, one JSON document a line. Values that carry a secret are redacted by their place, and each line passes the
 * redactor for secrets in our formats, since the message of an error may quote what a caller sent.
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
    { write: (line) => destination.write(withoutSecrets(line)) },
  );
}
