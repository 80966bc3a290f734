import * as z from 'zod';
import {
  deleteServiceAccount,
  findServiceAccount,
  findServiceAccountByName,
  insertServiceAccount,
  listServiceAccounts,
  type ServiceAccount,
  updateServiceAccount,
} from '../store/service-accounts.ts';
import { etagOf } from './etag.ts';
import { descriptionField, etagField, nameField, statusField, timeField } from './field-schemas.ts';
import { principalRoutes } from './principal-routes.ts';
import type { Route } from './routes.ts';

const ServiceAccountSchema = z
  .object({
    id: z.string(),
    name: z.string().describe('Unique, whatever its case.'),
    description: z.string(),
    status: statusField,
    createdAt: timeField,
    updatedAt: timeField,
    etag: etagField,
  })
  .meta({ id: 'ServiceAccount' });

function serviceAccountView(account: ServiceAccount): z.input<typeof ServiceAccountSchema> {
  const { id, name, description, status, createdAt, updatedAt } = account;
  return { id, name, description, status, createdAt, updatedAt, etag: etagOf(account) };
}

/** Machines that call on their own behalf. */
export const serviceAccountRoutes: readonly Route[] = principalRoutes({
  kind: 'service_account',
  path: '/service-accounts',
  tag: 'Service accounts',
  noun: 'service account',
  title: 'ServiceAccount',
  idPrefix: 'sva',
  schema: ServiceAccountSchema,
  createSchema: z
    .strictObject({ name: nameField(100), description: descriptionField.default('') })
    .meta({ id: 'CreateServiceAccount' }),
  updateSchema: z
    .strictObject({ name: nameField(100).optional(), description: descriptionField.optional() })
    .meta({ id: 'UpdateServiceAccount' }),
  view: serviceAccountView,
  find: findServiceAccount,
  findByName: findServiceAccountByName,
  list: listServiceAccounts,
  insert: insertServiceAccount,
  update: updateServiceAccount,
  remove: deleteServiceAccount,
});
