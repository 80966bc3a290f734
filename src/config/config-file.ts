import { createReadStream } from 'node:fs';
import { isAbsolute, relative } from 'node:path';
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { JsonObject } from '../model/json.ts';
import type { ConfigFault, SettingPath } from './fault.ts';

/** Far beyond any real configuration; a wrong path (a database, a device) is not read further than this. */
const MAX_BYTES = 1_048_576;

/** A configuration file that was read; `settings` is empty when there are faults. */
export interface ConfigFile {
  /** Absolute. */
  readonly path: string;
  readonly settings: JsonObject;
  readonly faults: readonly ConfigFault[];
  /** `toolgate.yaml:12:5` of the innermost part of the path that the file has. */
  placeOf(path: SettingPath): string;
}

/**
 * Reads a YAML 1.2 file. Everything that is wrong with the file itself (it is not there, not readable, not YAML) comes
 * back as faults with line and column, so that it is reported together with what is wrong elsewhere.
 *
 * @param path absolute. @param cwd the place names are shown relative to.
 */
export async function readConfigFile(path: string, cwd: string): Promise<ConfigFile> {
  const fromCwd = relative(cwd, path);
  const shown = fromCwd.startsWith('..') || isAbsolute(fromCwd) ? path : fromCwd;
  const broken = (place: string, problem: string, fix: string): ConfigFile => ({
    path,
    settings: {},
    faults: [{ place, setting: '', problem, fix }],
    placeOf: () => shown,
  });

  let text: string;
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of createReadStream(path, { end: MAX_BYTES })) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    if (bytes.length > MAX_BYTES)
      return broken(shown, 'The file is larger than 1 MiB.', 'Name the configuration file.');
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    return broken(shown, ...explainReadError(error));
  }

  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false });
  const placeAt = (offset: number): string => {
    const { line, col } = lineCounter.linePos(offset);
    return `${shown}:${line}:${col}`;
  };
  const faults = [...document.errors, ...document.warnings].map((error) => ({
    place: placeAt(error.pos[0]),
    setting: '',
    problem: `This is not valid YAML: ${error.message}.`,
    fix: 'Correct the line; nothing of the file is used before.',
  }));
  if (faults.length > 0) return { path, settings: {}, faults, placeOf: () => shown };
  if (document.contents !== null && !isMap(document.contents) && !isEmptyScalar(document.contents)) {
    return broken(placeAt(0), 'The file is not a map of settings.', 'Start with a line such as `listen:`.');
  }

  let settings: JsonObject;
  try {
    settings = (document.toJS() ?? {}) as JsonObject;
  } catch {
    // The yaml package counts what aliases expand to and stops ("billion laughs").
    return broken(
      shown,
      'Aliases in the file expand to too much.',
      'Write the values out instead of using `*aliases`.',
    );
  }
  return { path, settings, faults: [], placeOf: (at) => placeAt(offsetOf(document, at)) };
}

const isEmptyScalar = (node: unknown): boolean => isScalar(node) && node.value === null;

function explainReadError(error: unknown): [problem: string, fix: string] {
  if (error instanceof TypeError) return ['The file is not UTF-8 text.', 'Save it as UTF-8.'];
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOENT':
      return ['There is no such file.', 'Correct the path, or leave it out to look for `toolgate.yaml`.'];
    case 'EACCES':
      return ['The file may not be read.', 'Let the user that runs the gateway read it.'];
    case 'EISDIR':
      return ['This is a folder.', 'Name the file in it.'];
    default:
      return ['The file cannot be read.', `The operating system says: ${(error as Error).message}.`];
  }
}

/** Where the deepest part of the path that exists begins: the key of a member, or the item of a list. */
function offsetOf(document: Document, path: SettingPath): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const key of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
      if (pair === undefined) break;
      offset = (isScalar(pair.key) ? pair.key.range?.[0] : undefined) ?? offset;
      node = pair.value;
    } else if (isSeq(node) && typeof key === 'number') {
      const item = node.items[key] as { range?: [number, number, number] } | undefined;
      if (item === undefined) break;
      offset = item.range?.[0] ?? offset;
      node = item;
    } else {
      break;
    }
  }
  return offset;
}
