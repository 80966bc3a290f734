import * as z from 'zod';
import type { JsonObject } from '../model/json.ts';
import { describeRoutes } from './describe-routes.ts';
import { DESCRIBED_ROUTES } from './route-table.ts';
import { defineRoute, type Route } from './routes.ts';

const openApiRoute = defineRoute({
  method: 'GET',
  path: '/openapi.json',
  tag: 'API description',
  operationId: 'getOpenApiDocument',
  summary: 'This document',
  access: 'admin',
  answer: { status: 200, description: 'OpenAPI 3.1.', schema: z.looseObject({ openapi: z.string() }) },
  async handle({ context }) {
    return { body: { openapi: '3.1.0', ...openApiDocument(context.version) } };
  },
});

/** Every route of the API. */
export const ADMIN_ROUTES: readonly Route[] = [...DESCRIBED_ROUTES, openApiRoute];

/** The OpenAPI 3.1 document, made from the schemas that requests are checked with. `version` is that of the package. */
export function openApiDocument(version: string): JsonObject {
  return describeRoutes(ADMIN_ROUTES, version);
}
