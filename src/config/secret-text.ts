import * as z from 'zod';
import { Secret } from '../lib/secret.ts';
import { checkHeaderTemplate } from './header-rules.ts';
import { refuse } from './text-rules.ts';
import { traits } from './traits.ts';

/** A secret: a template that refers to the environment, filled in when it is used; a literal works, too. */
export const secretText = () =>
  z
    .string()
    .min(1)
    .superRefine((text, ctx) => {
      checkHeaderTemplate(text, ctx, []);
      if (text.includes('${vault:'))
        refuse(ctx, 'The vault keeps credentials of upstreams only.', 'Write `${env:NAME}`.');
    })
    .register(traits, { type: '`${env:NAME}`' })
    .transform((text) => new Secret(text));
