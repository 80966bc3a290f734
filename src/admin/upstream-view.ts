import type * as z from 'zod';
import type { JsonObject } from '../model/json.ts';
import type { HttpUpstream, Upstream } from '../model/upstream.ts';
import type { StoredUpstream } from '../store/upstreams.ts';
import type { UpstreamStatus } from '../upstreams/upstream-status.ts';
import { etagOf } from './etag.ts';
import type { UpstreamHealth } from './upstream-health.ts';
import type { StatusSchema, UpstreamSchema, UpstreamSettings } from './upstream-schemas.ts';

/** What is stored: everything but name and `enabled`, which have columns of their own. */
export function storedConfig({
  transport,
  url,
  auth,
  identityHeader,
  forwardHeaders,
  timeoutMs,
  maxConcurrent,
  audit,
}: UpstreamSettings) {
  return {
    ...{ transport, url, auth, identityHeader, forwardHeaders, timeoutMs, maxConcurrent, audit },
  } satisfies JsonObject;
}

/** The declared upstream that a row stands for. Rows of 0.1 have no `identityHeader`. */
export function upstreamOf({ name, enabled, config }: StoredUpstream): HttpUpstream {
  const stored = config as unknown as Omit<HttpUpstream, 'name' | 'enabled' | 'source'>;
  return { ...stored, identityHeader: stored.identityHeader ?? null, name, enabled, source: 'api' };
}

export type UpstreamView = z.input<typeof UpstreamSchema>;

export function declaredUpstreamView(upstream: Upstream, { status, tokens }: UpstreamHealth): UpstreamView {
  const { name, source, transport, enabled, auth, forwardHeaders, timeoutMs, maxConcurrent, audit } = upstream;
  return {
    name,
    source,
    transport,
    ...placeOf(upstream),
    enabled,
    // A copy that may be changed, like the rest: without secrets, which are in the vault.
    auth: structuredClone(auth) as UpstreamView['auth'],
    identityHeader: upstream.transport === 'stdio' ? null : upstream.identityHeader,
    forwardHeaders: [...forwardHeaders],
    timeoutMs,
    maxConcurrent,
    audit: { response: audit.response, redact: [...audit.redact] },
    status: status === undefined ? null : statusView(status),
    tokens: tokens === null ? null : { ...tokens, states: { ...tokens.states } },
  };
}

/** Arguments, environment and query of what stands in the file may hold what somebody should not have put there. */
function placeOf(upstream: Upstream): Pick<UpstreamView, 'command' | 'url'> {
  if (upstream.transport === 'stdio') return { command: [upstream.command[0]] };
  return { url: upstream.source === 'file' ? upstream.url.replace(/\?.*$/s, '?…') : upstream.url };
}

export function storedUpstreamView(stored: StoredUpstream, health: UpstreamHealth): UpstreamView {
  const { createdAt, updatedAt } = stored;
  return { ...declaredUpstreamView(upstreamOf(stored), health), createdAt, updatedAt, etag: etagOf(stored) };
}

function statusView(status: UpstreamStatus): z.input<typeof StatusSchema> {
  const { state, revision, tools, prompts, resources, resourceTemplates, rejectedEntries, inFlight, since } = status;
  return {
    state,
    revision: revision ?? null,
    ...{ tools, prompts, resources, resourceTemplates, rejectedEntries, inFlight, since },
    failedLists: status.failedLists.map(({ list, code, message }) => ({ list, code, message })),
    lastError: status.lastError === undefined ? null : { ...status.lastError },
  };
}
