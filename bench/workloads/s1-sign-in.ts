import type { Section } from '../harness/section.ts';
import type { Stand } from '../harness/stand.ts';
import { startProcess } from '../harness/start-process.ts';
import type { SignInLoadCommands } from '../sign-in-load.ts';
import { coldSignIn } from './s1-cold-sign-in.ts';
import { STORM_PEOPLE, signInStorm } from './s1-storm.ts';
import { parallelRefreshes, tokenEndpoint } from './s1-token-endpoint.ts';
import { manyTokens, warmVerification } from './s1-tokens.ts';

export async function s1SignIn(stand: Stand): Promise<Section> {
  const { cold, endpoint, parallel, storm } = await onOneGateway(stand);
  const verification = await warmVerification(stand);
  const tokens = await manyTokens(stand);
  return {
    id: 'S1',
    title: 'signing in',
    about:
      'What the front door costs, and what calls notice of it: a whole sign-in, the token endpoint, many refreshes of one ' +
      'token, calls while many sign in, and access tokens against access keys.',
    tables: [cold, endpoint, parallel.table, storm.table, ...tokens, verification.table],
    verdicts: [parallel.verdict, ...storm.verdicts, verification.verdict],
  };
}

async function onOneGateway(stand: Stand) {
  const clients = await startProcess<SignInLoadCommands>('sign-in-load.ts', { half: 'serving' });
  try {
    const gateway = await stand.startGateway({ people: STORM_PEOPLE });
    try {
      return {
        cold: await coldSignIn(stand, gateway),
        endpoint: await tokenEndpoint(stand, gateway, clients),
        parallel: await parallelRefreshes(stand, gateway, clients),
        storm: await signInStorm(stand, gateway, clients),
      };
    } finally {
      await gateway.stop();
    }
  } finally {
    await clients.stop();
  }
}
