import { parseTemplate, type ReferenceSources } from '../config/references.ts';
import { AppError } from '../errors/app-error.ts';

export interface ResolvedEnvironment {
  readonly env: Readonly<Record<string, string>>;
  /** The values that came from references, to scrub them from what the process prints. */
  readonly secrets: readonly string[];
}

/** The cause of a refusal to start: what stands behind a reference is not there. */
export class MissingReference extends Error {
  readonly kind: 'env' | 'vault';
  /** Of the variable or the vault entry. */
  readonly entry: string;

  constructor(kind: 'env' | 'vault', entry: string) {
    super(`\${${kind}:${entry}} has no value`);
    this.name = 'MissingReference';
    this.kind = kind;
    this.entry = entry;
  }
}

/**
 * Fills the references in the configured environment of a process. Nothing else of the gateway's own environment is in
 * the result except `PATH`, without which most programs could not be found; a configured `PATH` replaces it. Neither
 * `HOME` nor the language, proxy or certificate settings are passed on: configure what a program needs.
 * Rejects with AppError `upstream_unavailable` that names the variable and the reference, never a value.
 */
export async function resolveEnvironment(
  upstream: string,
  configured: Readonly<Record<string, string>>,
  sources: ReferenceSources,
): Promise<ResolvedEnvironment> {
  const env: Record<string, string> = Object.create(null);
  if (process.env.PATH !== undefined) env.PATH = process.env.PATH;
  const secrets: string[] = [];
  for (const [variable, template] of Object.entries(configured)) {
    let value = '';
    for (const part of parseTemplate(template)) {
      if (part.kind === 'text') {
        value += part.text;
        continue;
      }
      const found = part.kind === 'env' ? sources.env(part.name) : await sources.vault(part.name);
      if (found === undefined) {
        const where = part.kind === 'env' ? 'the environment of the gateway' : 'the vault';
        throw new AppError(
          'upstream_unavailable',
          `"${upstream}" cannot start: ${part.name}, which its variable ${variable} refers to, is not in ${where}.`,
          { cause: new MissingReference(part.kind, part.name) },
        );
      }
      secrets.push(found);
      value += found;
    }
    env[variable] = value;
  }
  return { env, secrets };
}
