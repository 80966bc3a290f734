import * as z from 'zod';
import { Secret } from '../lib/secret.ts';
import { checkHeaderTemplate } from './header-rules.ts';
import { traits } from './traits.ts';

/** A secret: a template that refers to the environment or the vault, filled in when it is used; a literal works, too. */
export const secretText = () =>
  z
    .string()
    .min(1)
    .superRefine((text, ctx) => checkHeaderTemplate(text, ctx, []))
    .register(traits, { type: '`${env:NAME}` or `${vault:NAME}`' })
    .transform((text) => new Secret(text));
