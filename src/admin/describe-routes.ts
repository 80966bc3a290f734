import * as z from 'zod';
import { PROBLEM_CONTENT_TYPE } from '../http/problem-details.ts';
import type { JsonObject } from '../model/json.ts';
import type { Route } from './routes.ts';

const ProblemSchema = z
  .looseObject({
    type: z.string().describe('Path of a page about this error, `/errors/{code}`.'),
    title: z.string(),
    status: z.int(),
    detail: z.string().describe('What was wrong here, and what to change.'),
    code: z.string().describe('Stable, for programs.'),
    remedy: z.string(),
    requestId: z.string().describe('Under which the log and the audit log have the request.'),
    errors: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .optional()
      .describe('Every fault of the input.'),
  })
  .meta({ id: 'Problem', description: 'RFC 9457.' });

type Schemas = Record<string, JsonObject>;

/** The schema as JSON Schema 2020-12; what has an id becomes a component, and a reference stands in its place. */
function schemaOf(schema: z.ZodType, io: 'input' | 'output', components: Schemas): JsonObject {
  const { $schema: _, $defs = {}, ...json } = z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as JsonObject;
  for (const [name, definition] of Object.entries($defs as Schemas)) components[name] = withReferences(definition);
  return withReferences(json);
}

/** `#/$defs/X` → `#/components/schemas/X`. A schema's own id stands in its component's name. */
function withReferences(schema: JsonObject): JsonObject {
  const { id: _, ...rest } = schema;
  return JSON.parse(JSON.stringify(rest).replaceAll('"#/$defs/', '"#/components/schemas/')) as JsonObject;
}

const problem = (description: string): JsonObject => ({
  description,
  content: { [PROBLEM_CONTENT_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } },
});

function parametersOf(route: Route): JsonObject[] {
  const described = (schema: z.ZodType | undefined, place: 'path' | 'query'): JsonObject[] => {
    if (schema === undefined) return [];
    const { properties = {}, required = [] } = schemaOf(schema, 'input', {}) as {
      properties?: Record<string, JsonObject>;
      required?: string[];
    };
    return Object.entries(properties).map(([name, { description, ...schema }]) => ({
      name,
      in: place,
      required: place === 'path' || required.includes(name),
      ...(description === undefined ? {} : { description }),
      schema,
    }));
  };
  const header = (name: string, description: string, required: boolean): JsonObject => ({
    name,
    in: 'header',
    required,
    description,
    schema: { type: 'string' },
  });
  return [
    ...described(route.params, 'path'),
    ...described(route.query, 'query'),
    ...(route.versioned ? [header('If-Match', 'The `ETag` that the change is based on.', true)] : []),
    ...(route.method === 'POST' && route.action !== undefined
      ? [header('Idempotency-Key', 'Repetitions with the same key within a day get the first answer.', false)]
      : []),
  ];
}

function answersOf(route: Route, components: Schemas): JsonObject {
  const { status, description, schema, mediaType, etag } = route.answer;
  const content =
    schema !== undefined
      ? { 'application/json': { schema: schemaOf(schema, 'output', components) } }
      : mediaType !== undefined
        ? { [mediaType]: { schema: { type: 'string' } } }
        : undefined;
  const headers = etag && { ETag: { description: 'For `If-Match`.', schema: { type: 'string' } } };
  return {
    [status]: { description, ...(headers && { headers }), ...(content && { content }) },
    401: problem('No valid credential.'),
    ...(route.access === 'admin' && { 403: problem('The credential may not do this.') }),
    ...(route.params !== undefined && { 404: problem('There is no such thing.') }),
    ...(route.versioned && { 412: problem('It was changed meanwhile.'), 428: problem('`If-Match` is missing.') }),
    ...(route.body !== undefined && { 422: problem('The body cannot be used; `errors` says why.') }),
    default: problem('Any other refusal.'),
  };
}

/** The OpenAPI 3.1 document of the routes. */
export function describeRoutes(routes: readonly Route[], version: string): JsonObject {
  const components: Schemas = {};
  schemaOf(ProblemSchema, 'output', components);
  const paths: Record<string, JsonObject> = {};
  for (const route of routes) {
    paths[route.path] = {
      ...paths[route.path],
      [route.method.toLowerCase()]: {
        operationId: route.operationId,
        tags: [route.tag],
        summary: route.summary,
        ...(route.description !== undefined && { description: route.description }),
        ...(route.access === 'anybody' && { 'x-access': 'anybody' }),
        ...(route.action !== undefined && { 'x-audit-action': route.action }),
        parameters: parametersOf(route),
        ...(route.body !== undefined && {
          requestBody: {
            required: !route.body.safeParse({}).success,
            content: { 'application/json': { schema: schemaOf(route.body, 'input', components) } },
          },
        }),
        responses: answersOf(route, components),
      },
    };
  }
  const bearer = { type: 'http', scheme: 'bearer', description: 'An access key: `tgp_…` or `tgs_…`.' };
  const sorted = Object.fromEntries(Object.entries(components).sort(([a], [b]) => (a < b ? -1 : 1)));
  return {
    openapi: '3.1.0',
    info: {
      title: 'Toolgate admin API',
      version,
      description:
        'Everything needs an access key. Where nothing else is said, it must be one of an owner or admin that is not limited to other roles or to tools. Errors are problem documents (RFC 9457).',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/api/v1' }],
    security: [{ accessKey: [] }],
    tags: [...new Set(routes.map((route) => route.tag))].map((name) => ({ name })),
    paths,
    components: { schemas: sorted, securitySchemes: { accessKey: bearer } },
  };
}
