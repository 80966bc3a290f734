import { escapeUnprintable } from '../audit/escape-unprintable.ts';
import { ConfigError } from '../config/fault.ts';
import type { LoadedConfig } from '../config/load-config.ts';
import { type AuditProgress, checkAudit } from './check-audit.ts';
import { checkDataFolder } from './check-data-folder.ts';
import { checkDatabase } from './check-database.ts';
import { checkGateway } from './check-gateway.ts';
import { checkMasterKey } from './check-master-key.ts';
import { checkMetadataDocuments } from './check-metadata-documents.ts';
import { type Finding, fail, ok } from './finding.ts';
import { explained } from './help-text.ts';
import { action, type CommandDefinition, type Invocation } from './invocation.ts';
import { loadLocalConfig } from './load-local-config.ts';
import type { Style } from './style.ts';

export const defineDoctor: CommandDefinition = (command, context) => {
  command
    .addHelpText(
      'after',
      explained(
        `Looks at this machine: configuration, data folder, keys, databases, the whole audit log, clock, disk, port; whether
the documents of clients can be read (asks one host on the internet); and, when a gateway runs, at its public address and
its upstreams (these need an access key). Changes nothing. The
exit code is 1 when a line says fail.`,
        'toolgate doctor',
        'toolgate doctor --config /etc/toolgate.yaml',
        'toolgate doctor --json',
      ),
    )
    .action(action(context, doctor));
};

async function doctor(invocation: Invocation): Promise<void> {
  const findings = await findingsOf(invocation);
  if (findings.some(({ level }) => level === 'fail')) invocation.outcome.exitCode = 1;
  invocation.show(findings, () => render(findings, invocation.terminal.style));
}

async function findingsOf(invocation: Invocation): Promise<Finding[]> {
  const findings = [checkNode()];
  let loaded: LoadedConfig;
  try {
    loaded = await loadLocalConfig(invocation, invocation.options);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    // Where everything else is follows from the configuration.
    return [
      ...findings,
      ...error.faults.map(({ place, setting, problem, fix }) =>
        fail('configuration', `${`${place} ${setting}`.trim()}: ${problem}`, fix),
      ),
    ];
  }
  const { config, file, warnings } = loaded;
  findings.push(ok('configuration', file ?? 'defaults; there is no file'));
  findings.push(
    ...warnings.map(({ place, setting, problem, fix }): Finding => {
      return { check: 'configuration', level: 'warn', detail: `${`${place} ${setting}`.trim()}: ${problem}`, fix };
    }),
  );
  findings.push(...(await checkDataFolder(config.dataDir)));
  const masterKey = await checkMasterKey(config, invocation.env);
  findings.push(masterKey.finding);
  findings.push(...(await checkDatabase(config.dataDir, masterKey)));
  findings.push(...(await checkAudit(config.dataDir, createProgress(invocation))));
  findings.push(...(await checkMetadataDocuments(config)));
  findings.push(...(await checkGateway(invocation, config)));
  return findings;
}

const PROGRESS_MS = 2_000;

/** Says how far a long audit log has been read, to a person who waits for it. */
function createProgress({ terminal }: Invocation): AuditProgress {
  let shownAt = performance.now();
  return (read, all) => {
    if (!terminal.errorIsTerminal || performance.now() - shownAt < PROGRESS_MS) return;
    shownAt = performance.now();
    terminal.note(`Audit log: ${read.toLocaleString('en')} of ${all.toLocaleString('en')} records checked …`);
  };
}

function checkNode(): Finding {
  const { node } = process.versions;
  // main.ts has refused versions that are too old.
  return ok('node', `${node} on ${process.platform} ${process.arch}`);
}

function render(findings: readonly Finding[], { green, yellow, red, bold }: Style): string {
  const paint = { ok: green, warn: yellow, fail: red };
  const width = Math.max(...findings.map(({ check }) => check.length));
  const indent = ' '.repeat(width + 8);
  const lines = findings.flatMap(({ check, level, detail, fix }) => {
    const [first = '', ...rest] = detail.split('\n').map(escapeUnprintable);
    return [
      `${paint[level](level.padEnd(4))}  ${check.padEnd(width)}  ${first}`,
      ...rest.map((line) => indent + line.trim()),
      ...(fix === undefined ? [] : [`${indent}→ ${escapeUnprintable(fix)}`]),
    ];
  });
  const count = (level: Finding['level']) => findings.filter((finding) => finding.level === level).length;
  return [...lines, '', bold(`${count('ok')} ok, ${count('warn')} to look at, ${count('fail')} failed`)].join('\n');
}
