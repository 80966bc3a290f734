/**
 * Builds `dist/`: the package as it is published. Everything but the libraries that bring files of their own is bundled:
 * reading a few files instead of a thousand is most of the start-up time and a third of the idle memory. Types are
 * checked first; nothing is left behind to be published when they are wrong.
 */
import { spawnSync } from 'node:child_process';
import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';

const ROOT = join(import.meta.dirname, '..');
const OUT = join(ROOT, 'dist');

await rm(OUT, { recursive: true, force: true });
const compiler = join(ROOT, 'node_modules/typescript-7/bin/tsc');
const { status } = spawnSync(process.execPath, [compiler, '-p', ROOT], { stdio: 'inherit' });
if (status !== 0) process.exit(1);

/**
 * undici without what nobody here uses (fetch, WebSocket, caches, mocks, HTTP/2), which is half of it and cannot be shaken
 * off: 15 ms of the start and 5 MB of the idle memory. Whoever imports more of undici adds it here, or the build fails.
 */
const UNDICI = `
  import api from 'undici/lib/api/index.js';
  import Agent from 'undici/lib/dispatcher/agent.js';
  import Dispatcher from 'undici/lib/dispatcher/dispatcher.js';
  import Pool from 'undici/lib/dispatcher/pool.js';
  Object.assign(Dispatcher.prototype, api);
  export { Agent, Pool };`;

const slimUndici: Plugin = {
  name: 'slim undici',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^undici$/ }, () => ({ path: 'undici', namespace: 'slim' }));
    onLoad({ filter: /^undici$/, namespace: 'slim' }, () => ({ contents: UNDICI, resolveDir: ROOT }));
    onResolve({ filter: /^\.\/client-h2\.js$/ }, ({ path }) => ({ path, namespace: 'slim' }));
    onLoad({ filter: /client-h2/, namespace: 'slim' }, () => ({
      contents: "module.exports = () => { throw new Error('HTTP/2 is not in this build: see scripts/build.ts.'); };",
    }));
  },
};

/** For libraries that import it; app/http-server.ts says why. Whoever needs more of it adds it here, or the build fails. */
const slimHttp: Plugin = {
  name: 'slim node:http',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:http$/ }, ({ kind }) =>
      kind === 'import-statement' ? { path: 'node:http', namespace: 'slim' } : undefined,
    );
    onLoad({ filter: /^node:http$/, namespace: 'slim' }, () => ({
      contents: "export const { STATUS_CODES } = process.getBuiltinModule('node:http');",
    }));
  },
};

/** V8 keeps a file with one character beyond Latin-1 in two bytes for each, and esbuild leaves those in templates and patterns. */
const asciiOnly: Plugin = {
  name: 'ASCII only',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]src[\\/].*\.ts$/ }, async ({ path }) => ({
      contents: (await readFile(path, 'utf8')).replace(
        /[^\0-\x7f]/g,
        (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
      ),
      loader: 'ts',
    }));
  },
};

const { metafile } = await build({
  absWorkingDir: ROOT,
  // Threads are files of their own, beside whatever chunk starts them; see audit/start-thread.ts.
  entryPoints: {
    toolgate: 'src/main.ts',
    'writer-worker': 'src/audit/writer-worker.ts',
    'reader-worker': 'src/audit/reader-worker.ts',
    'notes-server': 'examples/notes-server.ts',
  },
  outdir: OUT,
  bundle: true,
  // What undici looks for to leave out its second, experimental parser.
  define: { esbuildDetection: 'true' },
  plugins: [slimUndici, slimHttp, asciiOnly],
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'linked',
  external: [
    // Never loaded; see app/http-server.ts.
    '@fastify/ajv-compiler',
    '@fastify/fast-json-stringify-compiler',
    '@cedar-policy/cedar-wasm',
    '@opentelemetry/sdk-trace-base',
    '@opentelemetry/exporter-trace-otlp-http',
    '@opentelemetry/resources',
  ],
  // Bundled CommonJS libraries still ask for Node's modules by `require`.
  banner: {
    js: [
      "import { createRequire as nodeRequire } from 'node:module';",
      'const require = nodeRequire(import.meta.url), __filename = import.meta.filename, __dirname = import.meta.dirname;',
    ].join(' '),
  },
  metafile: true,
  logLevel: 'warning',
});
await chmod(join(OUT, 'toolgate.js'), 0o755);
await writeFile(
  join(OUT, 'bundled.json'),
  `${JSON.stringify(await bundledPackages(Object.keys(metafile.inputs)), null, 2)}\n`,
);
const outputs = Object.values(metafile.outputs);
const bytes = outputs.reduce((sum, output) => sum + output.bytes, 0);
console.log(`Built dist/: ${outputs.length} files, ${(bytes / 1e6).toFixed(1)} MB`);

/** What went into the bundle, by name and version: npm does not know of it where the package is installed. */
async function bundledPackages(inputs: readonly string[]): Promise<Record<string, string[]>> {
  const folders = new Set(
    inputs.flatMap((input) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(input)?.[0] ?? []),
  );
  const found: Record<string, string[]> = {};
  for (const folder of [...folders].sort()) {
    const { name, version } = JSON.parse(await readFile(join(ROOT, folder, 'package.json'), 'utf8')) as {
      name: string;
      version: string;
    };
    found[name] = [...(found[name] ?? []), version];
  }
  return Object.fromEntries(Object.entries(found).sort(([a], [b]) => (a < b ? -1 : 1)));
}
