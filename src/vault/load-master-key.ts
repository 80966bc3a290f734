import { randomBytes } from 'node:crypto';
import { createReadStream, constants as fsConstants } from 'node:fs';
import { type FileHandle, link, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { MASTER_KEY_BYTES, type MasterKey, parseMasterKey } from './master-key.ts';

export type MasterKeySource = { readonly file: string } | { readonly env: string } | { readonly fd: number };

export interface LoadMasterKeyOptions {
  /** Where `{ env }` is looked up; `process.env` when absent. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /**
   * Whether a key file that does not exist is made. Leave it off where encrypted data exists already: a new key cannot
   * open it, and the person should hear that the file is gone. On when absent.
   */
  readonly generate?: boolean;
}

/** A key has 88 characters at most; whatever is much longer is the wrong file. */
const MAX_TEXT_BYTES = 4096;

/**
 * Reads the master key. A file must be readable by its owner alone and is generated (32 random bytes, base64, mode 0600)
 * when absent; a file descriptor is read to its end and closed. Throws an Error that says what to change.
 */
export async function loadMasterKey(source: MasterKeySource, options: LoadMasterKeyOptions = {}): Promise<MasterKey> {
  if ('env' in source) {
    const where = `the environment variable ${source.env}`;
    const text = (options.env ?? process.env)[source.env];
    if (text === undefined) throw new Error(`There is no master key: ${where} is not set.`);
    return parseMasterKey(text, where);
  }
  if ('fd' in source) {
    return parseMasterKey(await readDescriptor(source.fd), `file descriptor ${source.fd}`);
  }
  const { file } = source;
  if (options.generate ?? true) return parseMasterKey(await readOrGenerate(file), file);
  const text = await readKeyFile(file);
  if (text === null) throw new Error(`The master key file ${file} does not exist. Put it back from your backup.`);
  return parseMasterKey(text, file);
}

/** The key file that a change of the master key is moving to; null when no change is under way. See changeMasterKeyFile. */
export async function loadPendingMasterKey(file: string): Promise<MasterKey | null> {
  const pending = pendingFileOf(file);
  await removeDrafts(file);
  const text = await readKeyFile(pending);
  return text === null ? null : parseMasterKey(text, pending);
}

/**
 * Moves a key file to a newly generated key: the new key stands durably beside the old one (`<file>.next`) before `change`
 * encrypts anything with it, and replaces the old one only after `change` is done. After a crash anywhere, both keys are
 * still there; load them with loadMasterKey and loadPendingMasterKey, and call this again to finish.
 */
export async function changeMasterKeyFile(file: string, change: (next: MasterKey) => Promise<unknown>): Promise<void> {
  const pending = pendingFileOf(file);
  await change(parseMasterKey(await readOrGenerate(pending), pending));
  await rename(pending, file);
  await syncDirectory(file);
}

const pendingFileOf = (file: string) => `${file}.next`;

const readOrGenerate = async (file: string): Promise<string> => (await readKeyFile(file)) ?? generateKeyFile(file);

/** The content; null when there is no such file. */
async function readKeyFile(file: string): Promise<string | null> {
  let handle: FileHandle;
  try {
    handle = await open(file, fsConstants.O_RDONLY);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw new Error(`The master key file ${file} cannot be read.`, { cause: error });
  }
  try {
    const stat = await handle.stat();
    const { mode, size } = stat;
    if (!stat.isFile()) throw new Error(`The master key ${file} is not a file.`);
    // Windows has no such bits; the folder's access list is all there is.
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      const bits = (mode & 0o777).toString(8).padStart(4, '0');
      throw new Error(`Others may read or change the master key file ${file} (mode ${bits}). Run: chmod 600 ${file}`);
    }
    if (size > MAX_TEXT_BYTES) throw new Error(`${file} has ${size} bytes; that is no master key.`);
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

/**
 * The key gets its name only once it is complete and on the disk, so that neither a crash nor a second process can meet
 * half a key; a hard link, unlike a rename, fails when the name is taken, and then the other process' key counts.
 */
async function generateKeyFile(file: string): Promise<string> {
  const bytes = randomBytes(MASTER_KEY_BYTES);
  const draft = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const handle = await open(draft, fsConstants.O_WRONLY | fsConstants.O_CREAT | fsConstants.O_EXCL, 0o600);
    try {
      await handle.writeFile(`${bytes.toString('base64')}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await link(draft, file);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw new Error(`The master key file ${file} cannot be created.`, { cause: error });
  } finally {
    await rm(draft, { force: true });
  }
  await syncDirectory(file);
  const text = await readKeyFile(file);
  if (text === null) throw new Error(`The master key file ${file} was removed right after it was made.`);
  return text;
}

/** A crash while a key was being made can leave its draft behind: a key that was never used for anything. */
async function removeDrafts(file: string): Promise<void> {
  const names = await readdir(dirname(file)).catch((): string[] => []);
  const drafts = names.filter((name) => name.startsWith(`${basename(file)}.`) && name.endsWith('.tmp'));
  for (const name of drafts) await rm(join(dirname(file), name), { force: true });
}

/** Makes the new name itself survive a power cut. Windows cannot open a directory. */
async function syncDirectory(file: string): Promise<void> {
  if (process.platform === 'win32') return;
  const directory = await open(dirname(file), fsConstants.O_RDONLY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function readDescriptor(fd: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of createReadStream('', { fd, autoClose: true })) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > MAX_TEXT_BYTES) throw new Error('it holds more than a master key');
    }
  } catch (error) {
    throw new Error(`The master key cannot be read from file descriptor ${fd}.`, { cause: error });
  }
  return Buffer.concat(chunks).toString('utf8');
}

const hasCode = (error: unknown, code: string): boolean => (error as NodeJS.ErrnoException).code === code;
