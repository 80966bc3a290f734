import { exportAudit, searchAudit, showCheckpoint, showPublicKey } from './audit-search.ts';
import { tailAudit } from './audit-tail.ts';
import { verifyAudit } from './audit-verify.ts';
import { examples, explained } from './help-text.ts';
import { action, type CommandDefinition, collect } from './invocation.ts';

export const defineAudit: CommandDefinition = (command, context) => {
  command
    .command('tail')
    .description('show the newest records')
    .option('-n, --lines <count>', 'how many', '20')
    .option('-f, --follow', 'go on with new ones as they come, until Ctrl-C')
    .addHelpText(
      'after',
      explained(
        `A call is one line, when it has ended. With --json each record is one line of JSON, as it was written: what was
about to be done (intent) and what came of it (outcome) are two.`,
        'toolgate audit tail',
        'toolgate audit tail -f',
        'toolgate audit tail -f --json | jq .',
      ),
    )
    .action(action(context, tailAudit));
  command
    .command('search')
    .description('find what happened, newest first; everything given must hold')
    .option('--principal <name>', 'who: name or id')
    .option('--agent <name>', 'through which access key: name or id')
    .option('--upstream <name>', 'where')
    .option('--tool <name>', 'tool, prompt, resource, or what was administered; create_* for all that begin so')
    .option('--action <name>', 'such as tool.call or key.*')
    .option('--decision <decision>', 'allow or deny')
    .option('--outcome <outcome>', 'ok, tool_error, error, failed, cancelled, pending; unknown: lost in a crash')
    .option('--from <when>', 'since: 2h, 7d, or a date such as 2027-01-31')
    .option('--to <when>', 'until, in the same way')
    .option('--limit <count>', 'at most so many', '50')
    .addHelpText(
      'after',
      examples(
        'toolgate audit search --principal ann@example.com --from 24h',
        'toolgate audit search --decision deny --tool create_*',
        "toolgate audit search --action 'key.*' --json",
      ),
    )
    .action(action(context, searchAudit));
  command
    .command('export')
    .description('write the whole log as JSON Lines, sealed with a signature')
    .addHelpText('after', examples('toolgate audit export > audit.jsonl'))
    .action(action(context, exportAudit));
  command
    .command('verify')
    .description('prove that an export is complete and unchanged; works offline, with nothing else')
    .argument('<file>', 'an export; - for standard input')
    .requiredOption('--public-key <file>', 'the key to trust, from `audit public-key`; may be repeated', collect)
    .option('--expect <file>', 'a checkpoint that was kept from earlier, from `audit checkpoint`')
    .configureHelp({
      visibleGlobalOptions: (cmd) => cmd.parent!.parent!.options.filter(({ long }) => long === '--json'),
    })
    .addHelpText(
      'after',
      explained(
        'The exit code is 1 when anything was edited, deleted, inserted, reordered or cut off.',
        'toolgate audit public-key > audit.pem',
        'toolgate audit verify audit.jsonl --public-key audit.pem',
      ),
    )
    .action(action(context, verifyAudit));
  command
    .command('public-key')
    .description('print the key that an auditor verifies exports with')
    .addHelpText('after', examples('toolgate audit public-key > audit.pem'))
    .action(action(context, showPublicKey));
  command
    .command('checkpoint')
    .description('sign the present state of the log, to be kept elsewhere')
    .addHelpText('after', examples('toolgate audit checkpoint >> /mnt/elsewhere/checkpoints'))
    .action(action(context, showCheckpoint));
};
