import { type Logger, pino, stdSerializers } from 'pino';
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
      serializers: { err: toldOf, cause: toldOf },
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

/**
 * What went wrong and where, and nothing else that libraries hang on their errors: the bytes of an answer that could not be read, which may
 * be users or credentials, or the document that could not be written.
 */
function toldOf(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { type, message, stack } = stdSerializers.err(error);
  const { code, errors } = error as Error & { code?: unknown; errors?: unknown };
  return { type, message, stack, code, ...(Array.isArray(errors) && { errors: errors.map(toldOf) }) };
}
