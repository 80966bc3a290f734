import { LATEST_MODERN, META_CAPABILITIES, META_VERSION } from '../mcp/revision.ts';

export interface ConnectTarget {
  /** URL of the MCP endpoint, such as `http://127.0.0.1:8420/mcp`. */
  readonly endpoint: string;
  /** The access key itself, or a placeholder for it. */
  readonly key: string;
  /** What the client calls the server; `toolgate` when absent. */
  readonly name?: string | undefined;
}

/** How one client is told about the gateway. */
export interface ConnectLines {
  readonly client: string;
  /** To paste as they are: a command for a POSIX shell, or a JSON file. */
  readonly lines: readonly string[];
}

/** Copy-and-paste lines for each client, none longer than 100 characters for an endpoint of this machine. */
export function connectLines({ endpoint, key, name = 'toolgate' }: ConnectTarget): ConnectLines[] {
  const bearer = `Authorization: Bearer ${key}`;
  const headers = `"headers": { "Authorization": "Bearer ${key}" }`;
  return [
    {
      client: 'Claude Code',
      lines: [`claude mcp add --transport http ${name} ${endpoint} \\`, `  --header "${bearer}"`],
    },
    {
      client: 'Cursor, in .cursor/mcp.json',
      lines: ['{ "mcpServers": { "toolgate": {', `  "url": "${endpoint}",`, `  ${headers}`, '} } }'].map(named(name)),
    },
    {
      client: 'VS Code, in .vscode/mcp.json',
      lines: ['{ "servers": { "toolgate": {', `  "type": "http", "url": "${endpoint}",`, `  ${headers}`, '} } }'].map(
        named(name),
      ),
    },
    {
      client: 'MCP Inspector',
      lines: [
        `npx -y @modelcontextprotocol/inspector@2 --cli ${endpoint} --transport http \\`,
        `  --header "${bearer}" \\`,
        '  --method tools/list',
      ],
    },
    { client: 'curl', lines: curlLines(endpoint, bearer) },
  ];
}

const named = (name: string) => (line: string) => line.replace('"toolgate"', JSON.stringify(name));

/** One request of the stateless revision, which needs no session: what it must carry is in its headers and in `_meta`. */
function curlLines(endpoint: string, bearer: string): string[] {
  return [
    `curl -sS ${endpoint} \\`,
    `  -H "${bearer}" \\`,
    "  -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' \\",
    `  -H 'MCP-Protocol-Version: ${LATEST_MODERN}' -H 'Mcp-Method: tools/list' \\`,
    `  -d '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{`,
    `    "${META_VERSION}":"${LATEST_MODERN}",`,
    `    "${META_CAPABILITIES}":{}}}}'`,
  ];
}

/** All of them below each other, each under the name of its client. */
export function renderConnectLines(target: ConnectTarget, heading: (text: string) => string = (text) => text): string {
  return connectLines(target)
    .map(({ client, lines }) => [heading(`  ${client}`), ...lines.map((line) => `    ${line}`)].join('\n'))
    .join('\n\n');
}
