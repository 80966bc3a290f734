import { AppError } from '../errors/app-error.ts';
import type { Secret } from '../lib/secret.ts';

/** Gives the value that `${env:NAME}` or `${vault:NAME}` of an upstream stands for; undefined when there is none. */
export type ReferenceResolver = (
  upstream: string,
  kind: 'env' | 'vault',
  name: string,
) => Secret | undefined | Promise<Secret | undefined>;

export interface ResolvedEnvironment {
  readonly env: Readonly<Record<string, string>>;
  /** The values that came from references, to scrub them from what the process prints. */
  readonly secrets: readonly string[];
}

const REFERENCE = /\$\{([^}]*)\}/g;
const NAME = /^(env|vault):([A-Za-z0-9_.-]{1,128})$/;

/**
 * Fills the references in the configured environment of a process. Nothing else of the gateway's own environment is in
 * the result except `PATH`, without which the program could not be found; a configured `PATH` replaces it.
 * Rejects with AppError `upstream_unavailable` that names the variable and the reference, never a value.
 */
export async function resolveEnvironment(
  upstream: string,
  configured: Readonly<Record<string, string>>,
  resolve: ReferenceResolver,
): Promise<ResolvedEnvironment> {
  const env: Record<string, string> = Object.create(null);
  if (process.env.PATH !== undefined) env.PATH = process.env.PATH;
  const secrets: string[] = [];
  for (const [variable, template] of Object.entries(configured)) {
    let value = '';
    let at = 0;
    for (const match of template.matchAll(REFERENCE)) {
      const secret = await resolveOne(upstream, variable, match[1]!, resolve);
      secrets.push(secret);
      value += template.slice(at, match.index) + secret;
      at = match.index + match[0].length;
    }
    env[variable] = value + template.slice(at);
  }
  return { env, secrets };
}

async function resolveOne(
  upstream: string,
  variable: string,
  reference: string,
  resolve: ReferenceResolver,
): Promise<string> {
  const [, kind, name] = NAME.exec(reference) ?? [];
  if (kind === undefined || name === undefined) {
    throw new AppError(
      'upstream_unavailable',
      `"${upstream}" cannot start: \${${reference}} in its environment variable ${variable} is neither \${env:NAME} nor \${vault:NAME}.`,
    );
  }
  const secret = await resolve(upstream, kind as 'env' | 'vault', name);
  if (secret === undefined) {
    const where = kind === 'env' ? 'the environment of the gateway' : 'the vault';
    throw new AppError(
      'upstream_unavailable',
      `"${upstream}" cannot start: ${name}, which its environment variable ${variable} refers to, is not in ${where}.`,
    );
  }
  return secret.reveal();
}
