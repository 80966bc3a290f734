import pino, { type DestinationStream, type Logger } from 'pino';

export type { Logger } from 'pino';

/** Members that are cut wherever a log line has them, in case a value reaches a log that should not. */
const SECRETS = [
  'authorization',
  'cookie',
  '["x-api-key"]',
  '["x-toolgate-key"]',
  '["set-cookie"]',
  'token',
  'secret',
  'password',
];

/** Structured logs, one JSON object per line. Messages never hold what a caller sent unescaped: JSON escapes it. */
export function createLogger(level: string, destination: DestinationStream = pino.destination(2)): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: SECRETS.flatMap((name) => [name, name.startsWith('[') ? `*${name}` : `*.${name}`]),
        censor: '[redacted]',
      },
    },
    destination,
  );
}
