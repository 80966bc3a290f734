import type { FastifyRequest } from 'fastify';
import { redactArguments } from '../audit/redact-arguments.ts';
import { AppError } from '../errors/app-error.ts';
import type { JsonValue } from '../model/json.ts';
import type { Caller } from '../model/principal.ts';
import type { AdminContext } from './admin-context.ts';
import { audited, recordRefusal } from './audited.ts';
import { checkInput } from './check-input.ts';
import type { FoundRoute } from './find-route.ts';
import type { Idempotency } from './idempotency.ts';
import type { JsonBody } from './read-json.ts';
import { type AdminRequest, type Answer, isStream, type Route, type StreamAnswer } from './routes.ts';

export interface RunOptions {
  readonly context: AdminContext;
  readonly idempotency: Idempotency;
  readonly caller: Caller;
}

/** One request from its checked caller to its answer: input, precondition, repetition, intent, act, outcome. */
export async function runRoute(
  { route, params }: FoundRoute,
  http: FastifyRequest,
  { context, idempotency, caller }: RunOptions,
): Promise<(Answer & { replayed?: true }) | StreamAnswer> {
  const who = { context, caller, requestId: http.id, address: context.addressOf(http.raw) };
  const body = http.body as JsonBody | undefined;
  let request: AdminRequest;
  try {
    request = { ...who, ...readInput(route, params, http, body) };
  } catch (error) {
    // Asking for what is never allowed is worth a record; a typing error is not.
    if (error instanceof AppError && error.status === 403) recordRefusal(who, `${route.method} ${route.path}`, error);
    throw error;
  }

  const act = () => route.handle(request);
  const { action } = route;
  const recorded = action === undefined ? act : () => audited(request, deedOf(route, action, request), act);
  const key = http.headers['idempotency-key'];
  if (route.method !== 'POST' || action === undefined || key === undefined) return recorded();
  if (typeof key !== 'string') throw new AppError('bad_request', 'The request has more than one `Idempotency-Key`.');
  const repeatable = { caller, key, method: route.method, url: http.url, bodyHash: body?.hash ?? '' };
  return idempotency(repeatable, async () => {
    const answer = await recorded();
    if (isStream(answer)) throw new Error(`${route.operationId} changes something and answers with a stream`);
    return answer;
  });
}

function readInput(route: Route, found: FoundRoute['params'], http: FastifyRequest, body: JsonBody | undefined) {
  const params = route.params === undefined ? {} : checkParams(route.params, found);
  const query = readQuery(route, http.query);
  route.refuseEarly?.(body?.value);
  const ifMatch = http.headers['if-match'] ?? '';
  if (route.versioned && ifMatch === '') throw new AppError('precondition_required');
  return { params, query, ifMatch, body: readBody(route, body?.value) };
}

/** What cannot be the name of anything names nothing. */
function checkParams(schema: NonNullable<Route['params']>, params: unknown): unknown {
  const parsed = schema.safeParse(params);
  if (!parsed.success) throw new AppError('not_found');
  return parsed.data;
}

function readQuery(route: Route, query: unknown): unknown {
  if (route.query !== undefined) return checkInput(route.query, query, 'bad_request', 'The query');
  const [name] = Object.keys(query as object);
  if (name !== undefined) throw new AppError('bad_request', 'This takes no query parameters; remove them.');
  return {};
}

function readBody(route: Route, value: unknown): unknown {
  if (route.body === undefined) {
    if (value !== undefined) throw new AppError('bad_request', 'This takes no body; remove it.');
    return undefined;
  }
  // A route whose members are all optional can be called without a body.
  const given = value === undefined && route.body.safeParse({}).success ? {} : value;
  if (given === undefined) throw new AppError('bad_request', 'The body is missing. Send a JSON object.');
  return checkInput(route.body, given, 'unprocessable', 'The body');
}

function deedOf(route: Route, action: string, request: AdminRequest) {
  return {
    action,
    target: route.target?.(request) ?? `${route.method} ${route.path}`,
    details: detailsOf(route, request.body),
  };
}

function detailsOf(route: Route, body: unknown): JsonValue | undefined {
  if (body === undefined) return undefined;
  return redactArguments(route.auditBody === undefined ? (body as JsonValue) : route.auditBody(body));
}
