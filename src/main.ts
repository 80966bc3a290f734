#!/usr/bin/env node
// Everything is imported only after this check: older versions of Node lack modules that the rest is built on.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 24 || (major === 24 && minor < 12)) {
  process.stderr.write(`Toolgate needs Node 24.12 or newer; this is Node ${process.versions.node}.\n`);
  process.exit(1);
}

// Whoever reads our output may stop reading: `toolgate audit export | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

// Compiling, and in a checkout stripping types, is most of the start; what was compiled once is kept beside the libraries.
const { enableCompileCache } = await import('node:module');
enableCompileCache(`${import.meta.dirname}/../node_modules/.cache/toolgate`);

const { interpretSchemas } = await import('./cli/interpret-schemas.ts');
interpretSchemas();

const { runCli } = await import('./cli/run-cli.ts');
const { argv, env, stdin, stdout, stderr } = process;
process.exitCode = await runCli({ argv: argv.slice(2), env, cwd: process.cwd(), stdin, stdout, stderr });

export {};
