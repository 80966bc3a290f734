import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import { escapeUnprintable } from '../audit/escape-unprintable.ts';
import { type ExportReport, verifyExport } from '../audit/verify-export.ts';
import { CliError } from './cli-error.ts';
import type { Invocation } from './invocation.ts';
import { linesOf } from './lines-of.ts';
import { readProblem, readText } from './read-text.ts';
import { formatSecond } from './time.ts';

export interface VerifyOptions {
  readonly publicKey: readonly string[];
  readonly expect?: string;
}

/** Checks an export with nothing but the export and the public key. Sets the exit code 1 when there is a fault. */
export async function verifyAudit(invocation: Invocation<VerifyOptions>, file: string): Promise<void> {
  const { cwd, options, terminal, outcome } = invocation;
  const publicKey: string[] = [];
  for (const keyFile of options.publicKey) publicKey.push(await readText(invocation, keyFile));
  const expect = options.expect === undefined ? undefined : await readText(invocation, options.expect);
  const stream = file === '-' ? terminal.stdin : createReadStream(resolve(cwd, file));
  let report: ExportReport;
  try {
    report = await verifyExport(linesOf(stream), { publicKey, expect });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code?.startsWith('ERR_OSSL'))
      throw new CliError(`${options.publicKey.join(', ')} holds no public key: ${message}.`, { cause });
    throw new CliError(code === undefined ? message : `${file} cannot be read: ${readProblem(cause)}`, { cause });
  }
  if (!report.ok) outcome.exitCode = 1;
  invocation.show(report, () => describe(report, terminal.style));
}

function describe(report: ExportReport, { bold, green, red }: Invocation['terminal']['style']): string {
  const { records, checkpoints, lastSeq, sealedAt, firstFault, unknownOutcomes, pendingOutcomes } = report;
  if (firstFault !== undefined) {
    const { line, seq, recordId, kind, detail } = firstFault;
    const record = seq === null ? '' : `, record ${seq}${recordId === null ? '' : ` (${recordId})`}`;
    const proven = seq === null ? 'Nothing is proven.' : `Proven up to record ${lastSeq}; nothing after it counts.`;
    return `${red(bold('FAULT'))}  line ${line}${record}: ${bold(kind)}\n       ${detail}\n       ${proven}`;
  }
  const sealed = sealedAt === null ? '' : `, sealed ${formatSecond(sealedAt)}`;
  const lines = [`${green(bold('ok'))}  ${count(records, 'record')}, ${count(checkpoints, 'checkpoint')}${sealed}`];
  if (unknownOutcomes.length > 0) {
    lines.push(
      `    ${count(unknownOutcomes.length, 'call')} with an unknown outcome: the gateway ended before it was recorded`,
    );
    for (const { seq, action, requestId } of unknownOutcomes.slice(0, 10)) {
      lines.push(`      record ${seq}  ${escapeUnprintable(action)}  ${escapeUnprintable(requestId)}`);
    }
    if (unknownOutcomes.length > 10) lines.push(`      … and ${unknownOutcomes.length - 10} more (--json lists all)`);
  }
  if (pendingOutcomes > 0)
    lines.push(`    ${pendingOutcomes} still under way when it was exported (the export itself is one)`);
  return lines.join('\n');
}

const count = (number: number, noun: string): string =>
  `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`;
