import type { Readable } from 'node:stream';
import type * as z from 'zod';
import type { JsonValue } from '../model/json.ts';
import type { Caller } from '../model/principal.ts';
import type { AdminContext } from './admin-context.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** One request whose caller is known and may make it, with its parts as the schemas gave them out. */
export interface AdminRequest<Params = unknown, Query = unknown, Body = unknown> {
  readonly context: AdminContext;
  /** Shown in logs, errors and the audit log. */
  readonly requestId: string;
  readonly caller: Caller;
  readonly address: string;
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  /** Of a route with `versioned`, never empty. */
  readonly ifMatch: string;
}

export interface Answer<Body = unknown> {
  /** When it is not the one that the route names. */
  readonly status?: number;
  readonly body?: Body;
  /** The version of what the body shows, for `If-Match`. */
  readonly etag?: string;
  /**
   * What a repetition with the same `Idempotency-Key` gets instead of `body`: it is stored in the clear, so a route whose
   * body holds a secret gives one without. Never undefined there.
   */
  readonly replayBody?: Body;
}

/** Streamed instead of a JSON body. */
export interface StreamAnswer {
  readonly stream: Readable;
  readonly fileName: string;
}

/** How one route is declared. Requests are checked, and the OpenAPI document is made, from the same schemas. */
export interface RouteDefinition<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType, A extends z.ZodType> {
  readonly method: Method;
  /** Below `/api/v1`; parameters as in OpenAPI: `/users/{userId}`. */
  readonly path: `/${string}`;
  readonly tag: string;
  /** Unique; the name of the operation for generated clients. */
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  /** `admin`: owner or admin role, by a key that does not take it away. `anybody`: every valid credential. */
  readonly access: 'admin' | 'anybody';
  /** Faults here mean that there can be no such thing: 404. */
  readonly params?: P;
  /** Faults: 400. */
  readonly query?: Q;
  /** Faults: 422. Absent: the route takes no body. */
  readonly body?: B;
  /** Looks at the body before its schema does, for what deserves another answer than "unknown member". Throws AppError. */
  refuseEarly?(body: unknown): void;
  /**
   * Audit action, such as `user.create`. Whatever changes something has one: the intent is durable before `handle` is
   * called, the outcome follows.
   */
  readonly action?: string;
  /** What the action is done to, for the audit log. `METHOD path` when absent. */
  target?(request: AdminRequest<z.output<P>, z.output<Q>, z.output<B>>): string;
  /** What the audit log keeps of the body; the body itself (redacted as everywhere) when absent. */
  auditBody?(body: z.output<B>): JsonValue;
  /** The request must name the version that it is based on in `If-Match`. */
  readonly versioned?: true;
  readonly answer: {
    readonly status: 200 | 201 | 202 | 204;
    readonly description: string;
    readonly schema?: A;
    /** Of a stream. */
    readonly mediaType?: string;
    readonly etag?: true;
  };
  handle(request: AdminRequest<z.output<P>, z.output<Q>, z.output<B>>): Promise<Answer<z.input<A>> | StreamAnswer>;
}

/** Any route, for the parts that treat all alike. */
export type Route = RouteDefinition<z.ZodType, z.ZodType, z.ZodType, z.ZodType>;

export function defineRoute<
  P extends z.ZodType = z.ZodType<object>,
  Q extends z.ZodType = z.ZodType<object>,
  B extends z.ZodType = z.ZodType<undefined>,
  A extends z.ZodType = z.ZodType<undefined>,
>(definition: RouteDefinition<P, Q, B, A>): Route {
  return definition;
}

export const isStream = (answer: Answer | StreamAnswer): answer is StreamAnswer => 'stream' in answer;
