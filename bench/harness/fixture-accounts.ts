/** Who signs in to the gateway of the bench: `person-0`, `person-1` … with one password, and a machine with a secret. */
export const PASSWORD = 'correct horse battery staple';
export const personName = (index: number): string => `person-${index}`;

export const MACHINE = { id: 'machine', secret: 'a-secret-of-the-bench-that-is-long-enough' } as const;

/** Addresses that a storm comes from are told in `X-Forwarded-For`, so that no limit for one address ends it. */
export const TRUSTED_PROXY = '127.0.0.1/32';

/** For toolgate.yaml; `serviceAccount` is whom the machine acts for. Rate limits that are not measured are out of the way. */
export const oauthSettings = (serviceAccount: string) => ({
  clients: { registrationsPerHour: 1_000_000, grantsPerClient: 1_000_000 },
  preRegistered: [
    { ...MACHINE, name: 'Machine of the bench', authMethod: 'client_secret_basic' as const, serviceAccount },
  ],
});
