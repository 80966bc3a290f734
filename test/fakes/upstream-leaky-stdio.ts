/**
 * A stdio MCP server that repeats what is in its environment variables TOKEN and OTHER: in its answers, and on standard
 * error in many forms. With `--crash` it does so and ends at once.
 */
import { createInterface } from 'node:readline';
import { LEAKY_TOOLS, leakyAnswer, leakyHandshake, leakyToolList } from './leaky-tools.ts';

const values = [process.env.TOKEN ?? '', process.env.OTHER ?? ''];
const secret = values.join(' and ');

function complain(): void {
  for (const value of values) {
    for (const form of [
      value,
      `Authorization: Bearer ${value}`,
      JSON.stringify({ headers: { 'x-key': value } }),
      `https://example.com/?token=${encodeURIComponent(value)}&x=1`,
      `Basic ${Buffer.from(value).toString('base64')}`,
      `${value}${value}`,
      `Error: ${value}\n    at ${value} (file.js:1:1)`,
    ]) {
      process.stderr.write(`${form}\n`);
    }
    // A line that arrives in two pieces.
    process.stderr.write(`in pieces: ${value.slice(0, 10)}`);
    process.stderr.write(`${value.slice(10)}\n`);
  }
}

const send = (message: object): void => {
  process.stdout.write(`${JSON.stringify(message)}\n`);
};

complain();
if (process.argv.includes('--crash')) {
  process.stdout.write(`${secret}\n`, () => process.exit(7));
} else {
  createInterface({ input: process.stdin }).on('line', (line) => {
    const message = JSON.parse(line);
    const { id, method, params } = message;
    if (id === undefined || method === undefined) return;
    if (method === 'tools/call') {
      complain();
      // No message, but on standard output.
      process.stdout.write(`debug: ${secret}\n`);
      const { before, answer } = leakyAnswer(message, secret);
      for (const each of [...before, answer]) send(each);
      return;
    }
    if (method === 'initialize') {
      send({ jsonrpc: '2.0', id, result: { protocolVersion: params.protocolVersion, ...leakyHandshake(secret) } });
    } else if (method === 'tools/list') send({ jsonrpc: '2.0', id, result: leakyToolList(LEAKY_TOOLS) });
    else send({ jsonrpc: '2.0', id, error: { code: -32601, message: 'Method not found' } });
  });
}
