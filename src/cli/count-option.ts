import { CliError } from './cli-error.ts';

/** An option that takes a whole number from 1. Throws for anything else. */
export function countOption(option: string, text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new CliError(`${option} takes a whole number from 1, not "${text}".`, { exitCode: 2 });
}
