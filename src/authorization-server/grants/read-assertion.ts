import { decodeJwt, decodeProtectedHeader, type JWTPayload, jwtVerify } from 'jose';
import type { AssertionIssuerSettings } from '../../config/issuer-schemas.ts';
import { isLoopbackHost } from '../../lib/loopback.ts';
import { sha256Hex } from '../../lib/sha256.ts';
import { DEFAULT_TENANT } from '../../model/principal.ts';
import { useTokenId } from '../../store/used-token-ids.ts';
import { createIssuerKeys } from '../../tokens/issuer-keys.ts';
import type { ServerContext } from '../context.ts';
import { ENDPOINTS } from '../endpoints.ts';

const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
const ID_JAG_TYPE = 'oauth-id-jag+jwt';
const LEEWAY_SECONDS = 60;
/** An assertion that is good for longer is a credential, and no statement about now. */
const MAX_LIFETIME_SECONDS = 24 * 3600;

/** Why an assertion does not count: for the log and the audit record. Who sent it is told the same for all reasons. */
export class AssertionRefused extends Error {}

export interface ReadAssertion {
  readonly settings: AssertionIssuerSettings;
  readonly subject: string;
  readonly claims: JWTPayload;
}

/**
 * Verifies assertions of the configured issuers (RFC 7523 §3). Each issuer's keys are its own, no header names others, and
 * the audience is this server alone: an assertion that somebody else may hold as well could be presented by them.
 *
 * An ID-JAG works once. The token of a workload does not: Kubernetes hands out one for an hour, for as many uses.
 */
export function createAssertionReader(context: ServerContext) {
  const issuers = new Map(
    context.settings.assertionIssuers.map((settings) => {
      const { issuer, jwksUri } = settings;
      // The operator has named them, so they may be in the company's own network; on this machine, if that is what they say.
      const isLocal = [issuer, jwksUri ?? issuer].some((url) => isLoopbackHost(new URL(url).hostname));
      const reach = isLocal ? 'loopback-too' : 'internal';
      const keys = createIssuerKeys({ issuer, jwksUri, fetch: (url) => context.fetch(url, { reach }) });
      return [issuer, { settings, keys }] as const;
    }),
  );

  function checkHeader(assertion: string, settings: AssertionIssuerSettings): void {
    const { typ } = decodeProtectedHeader(assertion);
    const type = typeof typ === 'string' ? typ.toLowerCase() : '';
    const accepted = settings.kind === 'id-jag' ? [ID_JAG_TYPE, `application/${ID_JAG_TYPE}`] : ['', 'jwt'];
    if (!accepted.includes(type)) throw new AssertionRefused(`its type is "${typ ?? ''}"`);
  }

  function checkAudience({ aud }: JWTPayload): void {
    const issuer = context.issuer();
    // Some clients put a slash after an origin, as URL parsers do.
    const own = [issuer, ...(context.settings.issuerPath === '' ? [`${issuer}/`] : []), issuer + ENDPOINTS.token];
    const [audience, ...others] = [aud ?? []].flat();
    if (audience === undefined || others.length > 0 || !own.includes(audience)) {
      throw new AssertionRefused(`its audience is ${JSON.stringify(aud)}`);
    }
  }

  async function useOnce({ iss, jti, exp }: JWTPayload): Promise<void> {
    if (typeof jti !== 'string' || jti === '') throw new AssertionRefused('it has no `jti`');
    const expiresAt = (exp! + LEEWAY_SECONDS) * 1000;
    const used = { tenantId: DEFAULT_TENANT, issuer: iss!, idHash: sha256Hex(jti), expiresAt };
    if (!(await useTokenId(context.db, used))) throw new AssertionRefused('it was used before');
  }

  return {
    /** Rejects with AssertionRefused, or AppError `token_issuer_unavailable` when its keys cannot be had. */
    async read(assertion: string): Promise<ReadAssertion> {
      const issuer = issuerOf(assertion);
      const known = issuers.get(issuer);
      if (known === undefined) throw new AssertionRefused(`its issuer is ${JSON.stringify(issuer)}`);
      const { settings, keys } = known;
      checkHeader(assertion, settings);
      const { payload } = await jwtVerify(assertion, keys, {
        algorithms: ALGORITHMS,
        issuer,
        clockTolerance: LEEWAY_SECONDS,
        requiredClaims: ['exp', 'sub'],
        currentDate: new Date(context.now()),
      }).catch((error: Error & { code?: unknown }) => {
        throw String(error.code).startsWith('ERR_J') ? new AssertionRefused(error.message, { cause: error }) : error;
      });
      checkAudience(payload);
      const now = Math.floor(context.now() / 1000);
      if (payload.exp! > now + MAX_LIFETIME_SECONDS) throw new AssertionRefused('it is good for more than a day');
      if ((payload.iat ?? 0) > now + LEEWAY_SECONDS) throw new AssertionRefused('its `iat` is ahead');
      if (typeof payload.sub !== 'string' || payload.sub === '') throw new AssertionRefused('it has no `sub`');
      return { settings, subject: payload.sub, claims: payload };
    },
    useOnce,
  };
}

function issuerOf(assertion: string): string {
  try {
    return String(decodeJwt(assertion).iss);
  } catch (error) {
    throw new AssertionRefused('it is no JWT', { cause: error });
  }
}
