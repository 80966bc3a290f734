import { mkdir, writeFile } from 'node:fs/promises';
import { extname, join, resolve } from 'node:path';
import { commandName } from './command-name.ts';

/** The example server that ships with Toolgate: its source when run from a checkout, the built file from the package. */
function exampleServerFile(): string {
  // The build puts everything side by side; see scripts/build.ts.
  const built = extname(import.meta.filename) === '.js';
  return resolve(import.meta.dirname, built ? 'notes-server.js' : '../../examples/notes-server.ts');
}

/**
 * Writes `toolgate.yaml` into a data folder that is about to be made, with the example server as the first upstream.
 * A file that is there already stays as it is.
 *
 * @param dataDir absolute
 */
export async function writeFirstConfig(dataDir: string): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  try {
    const text = firstConfig(process.execPath, exampleServerFile());
    await writeFile(join(dataDir, 'toolgate.yaml'), text, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** The text of that file. A command has no shell, so both paths are absolute. */
function firstConfig(node: string, server: string): string {
  return `# Toolgate reads this file at start, and again on SIGHUP. Everything that can be set:
#   ${commandName('config docs')}

# The MCP servers behind the gateway. On /mcp their tools are called {name}__{tool}; /mcp/{name} shows one alone.
upstreams:
  # An example that ships with Toolgate: a program that the gateway starts and speaks to over stdio.
  - name: notes
    command: ${JSON.stringify([node, server])}
    # Of the gateway's environment a program sees only PATH. What else it needs, such as a token:
    #   toolgate upstream credential notes notes_token
    # env: { NOTES_TOKEN: '\${vault:notes_token}' }

  # A server on the network, with a token that the gateway sends in place of the caller's key. (Servers on the network
  # can also be added while the gateway runs: toolgate upstream add …)
  # - name: github
  #   url: https://api.githubcopilot.com/mcp/
  #   auth:
  #     headers:
  #       Authorization: 'Bearer \${env:GITHUB_TOKEN}'

# Roles can stand here as well, or be made while the gateway runs: toolgate role apply -f role.yaml
# roles:
#   - name: reader
#     description: Everything that only reads
#     allow:
#       - { upstream: '*', tools: ['*'], when: { readOnly: true } }

# listen: { host: 127.0.0.1, port: 8420 }
# publicUrl: https://mcp.example.com
`;
}
