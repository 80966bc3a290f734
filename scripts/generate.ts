// Writes the documents that are derived from code. With --check it writes nothing and exits 1 when one is out of date.
import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { openApiDocument } from '../src/admin/openapi.ts';
import { renderConfigDocs } from '../src/config/render-docs.ts';
import { renderClientDocs } from './render-client-docs.ts';
import { renderErrorDocs } from './render-error-docs.ts';

const ROOT = resolve(import.meta.dirname, '..');
const { version } = JSON.parse(await readFile(resolve(ROOT, 'package.json'), 'utf8'));
const DOCUMENTS: readonly (readonly [path: string, text: string])[] = [
  ['docs/config.md', renderConfigDocs()],
  ['docs/connect/clients.md', renderClientDocs()],
  ['docs/errors.md', renderErrorDocs()],
  ['docs/openapi.json', `${JSON.stringify(openApiDocument(version), null, 2)}\n`],
];

const checkOnly = process.argv.includes('--check');
for (const [path, text] of DOCUMENTS) {
  const current = await readFile(resolve(ROOT, path), 'utf8').catch(() => '');
  if (current === text) continue;
  if (checkOnly) {
    console.error(`${path} is out of date. Run \`npm run generate\`.`);
    process.exitCode = 1;
  } else {
    await writeFile(resolve(ROOT, path), text);
    console.log(`Wrote ${path}`);
  }
}
