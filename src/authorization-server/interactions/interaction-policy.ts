import type { KoaContextWithOIDC } from 'oidc-provider';
import { isRemoteRedirect } from '../clients/client-metadata.ts';
import type { OidcLibrary } from '../oidc-library.ts';

/**
 * When a person is asked. As the library has it, with two changes: people are asked every time when the answer goes to
 * their own device, where nobody can know which program receives it (RFC 8252 §8.6), whatever the client calls itself;
 * and `select_account` is understood, which some clients send.
 */
export function interactionPolicyOf({ interactionPolicy }: OidcLibrary) {
  const { base, Check, Prompt } = interactionPolicy;
  const policy = base();
  const consent = policy.get('consent')!;
  consent.checks.remove('native_client_prompt');
  consent.checks.add(
    new Check('own_device', 'a program on the own device asks', 'interaction_required', (ctx) => {
      const asked = !ctx.oidc.result?.consent && !answersRemotely(ctx);
      return asked ? Check.REQUEST_PROMPT : Check.NO_NEED_TO_PROMPT;
    }),
    0,
  );
  policy.add(new Prompt({ name: 'select_account', requestable: true }), 0);
  return policy;
}

/** Whether the answer goes to a web server; not so for devices, which have no redirect. */
export function answersRemotely(ctx: KoaContextWithOIDC): boolean {
  const redirect = ctx.oidc.params?.redirect_uri;
  return typeof redirect === 'string' && isRemoteRedirect(redirect);
}
