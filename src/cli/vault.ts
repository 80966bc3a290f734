import { explained } from './help-text.ts';
import { action, type CommandDefinition, type Invocation } from './invocation.ts';

interface Rotation {
  readonly masterKeyId: string;
  readonly secrets: number;
  readonly unreadable: readonly {
    readonly upstream: string;
    readonly owner: { readonly kind: string; readonly id: string };
    readonly name: string;
  }[];
}

export const defineVault: CommandDefinition = (command, context) => {
  command
    .command('rotate')
    .description('encrypt every stored credential anew, while calls go on')
    .option('--new-master-key', 'under a new master key as well, where that is in a file')
    .addHelpText(
      'after',
      explained(
        `Without --new-master-key the stored credentials get new data keys under the same master key. With it, a new
master key is made and replaces the one in the file; back it up afterwards.

A master key that comes from the environment or a file descriptor is changed where it comes from: stop the
gateway, put the old key into a file, start with that file, rotate with --new-master-key, and take the new key
from the file.`,
        'toolgate vault rotate',
        'toolgate vault rotate --new-master-key',
      ),
    )
    .action(action<{ newMasterKey?: true }, []>(context, rotate));
};

/** Sets the exit code 1 when something could not be decrypted. */
async function rotate(invocation: Invocation<{ newMasterKey?: true }>): Promise<void> {
  const { options, outcome, terminal } = invocation;
  const api = await invocation.api();
  const done = await api.send<Rotation>('POST', '/vault/rotate', { masterKey: options.newMasterKey === true });
  const { unreadable, secrets, masterKeyId } = done;
  if (unreadable.length > 0) outcome.exitCode = 1;
  invocation.show(done, () =>
    [
      `Encrypted ${secrets} ${secrets === 1 ? 'credential' : 'credentials'} anew. The master key is ${masterKeyId}${options.newMasterKey ? ', a new one: back it up' : ''}.`,
      ...unreadable.map(({ upstream, owner, name }) =>
        terminal.style.red(
          `Could not be decrypted, store it again: ${name} for ${upstream} (${owner.kind} ${owner.id})`,
        ),
      ),
    ].join('\n'),
  );
}
