import * as z from 'zod';
import { AppError } from '../errors/app-error.ts';
import type { TestLoginReport } from '../identity/providers/provider-tests.ts';
import { timeField } from './field-schemas.ts';
import { defineRoute, type Route } from './routes.ts';
import { requireSignIn } from './sign-in.ts';

const tag = 'Identity providers';
const params = z.object({ name: z.string().regex(/^[a-z0-9-]{1,32}$/) });

const ProviderSchema = z
  .object({
    name: z.string(),
    title: z.string().describe('What stands on the button.'),
    preset: z.string(),
    issuer: z.string(),
  })
  .meta({ id: 'IdentityProvider' });

const CheckSchema = z
  .object({
    provider: z.string(),
    ok: z.boolean().describe('Whether nothing stands in the way of a login, as far as that can be seen without one.'),
    checks: z.array(
      z.object({
        step: z.enum(['issuer', 'metadata', 'keys', 'client', 'note']),
        ok: z.boolean(),
        detail: z.string(),
      }),
    ),
  })
  .meta({ id: 'IdentityProviderCheck' });

const ReportSchema = z
  .object({
    issuer: z.string(),
    subject: z.string(),
    email: z.string().nullable().describe('The verified address; null when there is none.'),
    refusal: z.string().nullable().describe('Why this person could not sign in; null: they could.'),
    rules: z
      .array(
        z.object({
          claim: z.string(),
          test: z.string().describe('`equals` or `matches`, and what follows it.'),
          values: z.array(z.string()).describe('What the claim says; empty when it is missing.'),
          matched: z.boolean(),
          roles: z.array(z.string()),
          groups: z.array(z.string()),
        }),
      )
      .describe('What became of each rule, in the order of the configuration.'),
    claims: z.record(z.string(), z.unknown()).describe('All that the provider told.'),
  })
  .meta({ id: 'TestLoginReport' });

const TestLoginSchema = z
  .object({
    token: z.string().nullable().describe('Ask for the result with it. Null in a repetition.'),
    url: z.string().nullable().describe('Open it in a browser and sign in there. Null in a repetition.'),
    expiresAt: timeField,
  })
  .meta({ id: 'TestLogin' });

const TestLoginResultSchema = z
  .object({ status: z.enum(['waiting', 'done']), report: ReportSchema.nullable().describe('Null while waiting.') })
  .meta({ id: 'TestLoginResult' });

const reportView = (report: TestLoginReport): z.input<typeof ReportSchema> => ({
  ...report,
  rules: report.rules.map(({ values, roles, groups, ...rule }) => ({
    ...rule,
    ...{ values: [...values], roles: [...roles], groups: [...groups] },
  })),
});

/** Looking for what is wrong with an identity provider, before people do. */
export const identityProviderRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: '/identity-providers',
    tag,
    operationId: 'listIdentityProviders',
    summary: 'List the identity providers of the configuration',
    access: 'admin',
    answer: {
      status: 200,
      description: 'In the order of the sign-in page.',
      schema: z.object({ items: z.array(ProviderSchema) }),
    },
    handle: async (request) => ({ body: { items: requireSignIn(request).identityProviders.list() } }),
  }),
  defineRoute({
    method: 'POST',
    path: '/identity-providers/{name}/test',
    tag,
    operationId: 'testIdentityProvider',
    summary: 'Try an identity provider step by step: metadata, keys, client id and secret',
    description: 'What is wrong is in the answer, which is 200 all the same. Nobody signs in.',
    access: 'admin',
    params,
    action: 'idp.test',
    target: (request) => request.params.name,
    answer: { status: 200, description: 'Each step that was tried.', schema: CheckSchema },
    async handle(request) {
      const { name } = request.params;
      const checks = await requireSignIn(request).identityProviders.check(name);
      // How an issuer usually looks is advice: one that looks otherwise and is none fails at its metadata.
      const ok = checks.every((check) => check.ok || check.step === 'issuer');
      return { body: { provider: name, ok, checks } };
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/identity-providers/{name}/test-logins',
    tag,
    operationId: 'beginTestLogin',
    summary: 'Begin a login that only shows what the provider tells and what the rules give',
    description: 'No account is made, and nobody is signed in to the gateway. It can be made within ten minutes.',
    access: 'admin',
    params,
    action: 'idp.test_login',
    target: (request) => request.params.name,
    answer: { status: 201, description: 'Where to sign in.', schema: TestLoginSchema },
    async handle(request) {
      const login = await requireSignIn(request).identityProviders.beginTestLogin(request.params.name);
      return { body: login, replayBody: { token: null, url: null, expiresAt: login.expiresAt } };
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/identity-providers/test-logins/{token}',
    tag,
    operationId: 'getTestLogin',
    summary: 'Get what a test login showed',
    access: 'admin',
    params: z.object({ token: z.string().regex(/^[\w-]{20,128}$/) }),
    answer: { status: 200, description: 'The result, for ten minutes.', schema: TestLoginResultSchema },
    async handle(request) {
      const result = await requireSignIn(request).identityProviders.testLoginResult(request.params.token);
      if (result === 'unknown') throw new AppError('not_found', 'There is no such test login, or it is over.');
      const body: z.input<typeof TestLoginResultSchema> =
        result === 'waiting' ? { status: result, report: null } : { status: 'done', report: reportView(result) };
      return { body };
    },
  }),
];
