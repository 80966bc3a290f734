import { personName } from '../harness/fixture-accounts.ts';
import { median } from '../harness/rounds.ts';
import { ms, type Table } from '../harness/section.ts';
import { STEPS, type StepTimes, signInCold } from '../harness/sign-in-client.ts';
import type { Gateway, Stand } from '../harness/stand.ts';

const PERSON = personName(0);

/** A new client and a new browser each time: right after a start of the gateway, and when it has run for a while. */
export async function coldSignIn(stand: Stand, gateway: Gateway): Promise<Table> {
  const started: StepTimes[] = [];
  for (let start = 0; start < (stand.quick ? 1 : 3); start++) {
    const fresh = await stand.startGateway({ people: 1 });
    try {
      started.push(await signInCold(originOf(fresh), PERSON));
    } finally {
      await fresh.stop();
    }
  }
  const later: StepTimes[] = [];
  const passwords: number[] = [];
  for (let round = 0; round < (stand.quick ? 3 : 15); round++) {
    later.push(await signInCold(originOf(gateway), PERSON));
    passwords.push(await gateway.process.ask('passwordMs'));
  }
  const passwordMs = median(passwords);
  const total = (times: StepTimes) => Object.values(times).reduce((sum, one) => sum + one, 0);
  const row = (name: string, of: (times: StepTimes) => number) => [
    name,
    ms(median(started.map(of))),
    ms(median(later.map(of))),
  ];
  return {
    caption:
      'From the address of the gateway alone to the answer of the first call, by a client that nobody has seen before, in ' +
      'wall time, without the person’s. Checking a password is slow on purpose (scrypt); how long it takes is measured ' +
      'apart, in the same process.',
    columns: ['', 'first one after the start', 'later'],
    rows: [
      ...STEPS.map((step) => row(step, (times) => times[step])),
      row('**all together**', total),
      ['of that, checking the password', ms(passwordMs), ms(passwordMs)],
      row('**all but that**', (times) => total(times) - passwordMs),
    ],
  };
}

export const originOf = ({ port }: Gateway): string => `http://127.0.0.1:${port}`;
