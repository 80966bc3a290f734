/**
 * What the clients that people use with MCP do when they sign somebody in. Facts with where they were read, as of October
 * 2026; documents are as their URLs gave them in September 2026. What is not documented is left out. The tests let every one
 * of them in, docs/connect/clients.md is made from this. Nothing here lets a client do more: names and redirects can be
 * claimed by anybody.
 */
export interface WellKnownClient {
  readonly name: string;
  /** Its page in docs/connect/, without `.md`. */
  readonly page: string;
  /** By the URL of a document of its own, where the server accepts that. */
  readonly document?: ClientIdentity & { readonly url: string };
  /** By registering itself (RFC 7591). */
  readonly registration?: ClientIdentity;
  /** What an operator has to know. */
  readonly quirks: readonly string[];
}

export interface ClientIdentity {
  /** `redirect_uris` as it writes them. */
  readonly redirectUris: readonly string[];
  /** An example of what it then sends as `redirect_uri`. */
  readonly sends: string;
  /** What else is particular about its metadata. */
  readonly metadata?: Readonly<Record<string, unknown>>;
}

export const WELL_KNOWN_CLIENTS: readonly WellKnownClient[] = [
  {
    name: 'Claude Code',
    page: 'claude-code',
    document: {
      // https://github.com/anthropics/claude-code/issues/37747: it has neither ports nor application_type
      url: 'https://claude.ai/oauth/claude-code-client-metadata',
      redirectUris: ['http://localhost/callback', 'http://127.0.0.1/callback'],
      sends: 'http://localhost:3118/callback',
    },
    registration: {
      // https://code.claude.com/docs/en/mcp, "Use a fixed OAuth callback port"
      redirectUris: ['http://localhost:53682/callback'],
      sends: 'http://localhost:53682/callback',
    },
    quirks: [
      // https://code.claude.com/docs/en/mcp
      'Any free port; `--callback-port` fixes it.',
      // https://github.com/RevenueCat/ai-toolkit/issues/58
      'The desktop app is sent back by `claude://claude.ai/mcp-auth-callback/sdk`.',
    ],
  },
  {
    name: 'Claude (claude.ai, Desktop, mobile)',
    page: 'claude',
    document: {
      // https://github.com/anthropics/claude-ai-mcp/issues/518
      url: 'https://claude.ai/oauth/mcp-oauth-client-metadata',
      redirectUris: ['https://claude.ai/api/mcp/auth_callback'],
      sends: 'https://claude.ai/api/mcp/auth_callback',
      metadata: {
        grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:jwt-bearer'],
      },
    },
    registration: {
      // https://support.claude.com/en/articles/11503834-building-custom-connectors-via-remote-mcp-servers
      redirectUris: ['https://claude.ai/api/mcp/auth_callback', 'https://claude.com/api/mcp/auth_callback'],
      sends: 'https://claude.ai/api/mcp/auth_callback',
    },
    quirks: [
      // https://support.claude.com/en/articles/11503834-building-custom-connectors-via-remote-mcp-servers
      "Connects from Anthropic's cloud, also for the desktop app: the gateway must be reachable from the internet.",
      'May move to `https://claude.com/api/mcp/auth_callback`: allow both.',
      // https://claude.com/docs/connectors/building/authentication
      'Uses its document only where the server announces both documents and public clients, as this one does.',
      // https://github.com/dropseed/plain/pull/108: outages stopped servers that fetch it each time
      'Its document has had outages, and may be refused to servers in some clouds. Read once, it is good for seven more days.',
    ],
  },
  {
    name: 'ChatGPT',
    page: 'chatgpt',
    document: {
      // https://github.com/django-oauth/django-oauth-toolkit/issues/1845, the document itself
      url: 'https://chatgpt.com/oauth/client.json',
      redirectUris: ['https://chatgpt.com/connector_platform_oauth_redirect'],
      sends: 'https://chatgpt.com/connector_platform_oauth_redirect',
      metadata: {
        token_endpoint_auth_method: 'private_key_jwt',
        token_endpoint_auth_signing_alg: 'RS256',
        jwks_uri: 'https://chatgpt.com/oauth/jwks.json',
      },
    },
    registration: {
      // https://github.com/danielealbano/android-remote-control-mcp/pull/166
      redirectUris: ['https://chatgpt.com/connector/oauth/example-id'],
      sends: 'https://chatgpt.com/connector/oauth/example-id',
    },
    quirks: [
      // https://zuplo.com/learn/mcp/compatibility/clients/chatgpt-connectors, https://developers.openai.com/plugins/build/auth
      "Signs in with OAuth or not at all: it sends no key of yours. Connects from OpenAI's cloud.",
      // https://developers.openai.com/plugins/build/auth
      'Has one redirect for servers that announce RFC 9207, as this one does, and one for each connector otherwise.',
      // https://github.com/Altinity/altinity-mcp/issues/118
      'Its document may also be `https://chatgpt.com/oauth/{id}/client.json`.',
    ],
  },
  {
    name: 'Cursor',
    page: 'cursor',
    registration: {
      // https://github.com/erp-mafia/accounted/pull/2225, all three in one request
      redirectUris: [
        'cursor://anysphere.cursor-mcp/oauth/callback',
        'https://www.cursor.com/agents/mcp/oauth/callback',
        'http://localhost:8787/callback',
      ],
      sends: 'http://localhost:8787/callback',
    },
    quirks: [
      // https://forum.cursor.com/t/oauth-redirect-uri-changed-from-cursor-to-http-localhost-for-streamable-http-mcp/165019
      'The desktop app is sent back to port 8787, before July 2026 by `cursor://`; web and cloud agents over www.cursor.com.',
    ],
  },
  {
    name: 'VS Code',
    page: 'vs-code',
    document: {
      // https://github.com/microsoft/vscode/issues/298300, https://github.com/microsoft/vscode/issues/282472
      url: 'https://vscode.dev/oauth/client-metadata.json',
      redirectUris: ['http://127.0.0.1:33418/', 'https://vscode.dev/redirect'],
      sends: 'http://127.0.0.1:33418/',
    },
    registration: {
      // https://github.com/microsoft/vscode/issues/278512
      redirectUris: [
        'https://insiders.vscode.dev/redirect',
        'https://vscode.dev/redirect',
        'http://127.0.0.1/',
        'http://127.0.0.1:33418/',
      ],
      sends: 'http://127.0.0.1:59656/',
      metadata: {
        application_type: 'native',
        grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
      },
    },
    quirks: [
      // https://github.com/microsoft/vscode/issues/278512
      'Takes another port than 33418 when that is in use, such as by a second window.',
    ],
  },
  {
    name: 'Codex CLI',
    page: 'codex',
    document: {
      // The document itself, which https://github.com/anomalyco/opencode/pull/47737 names
      url: 'https://chatgpt.com/oauth/codex/client.json',
      redirectUris: ['http://127.0.0.1/callback', 'http://localhost/callback'],
      sends: 'http://127.0.0.1:41239/callback',
    },
    registration: {
      // Seen with codex-cli 0.169.0
      redirectUris: ['http://127.0.0.1:41239/callback'],
      sends: 'http://127.0.0.1:41239/callback',
    },
    quirks: [
      // https://github.com/openai/codex/issues/30460
      'Versions up to 0.153 put an id that follows from the address of the server behind the redirect, also behind one of yours.',
    ],
  },
  {
    name: 'Gemini CLI',
    page: 'gemini-cli',
    registration: {
      // https://github.com/google-gemini/gemini-cli/pull/24844
      redirectUris: ['http://localhost:40123/oauth/callback'],
      sends: 'http://localhost:40123/oauth/callback',
    },
    quirks: [
      // https://github.com/google-gemini/gemini-cli/pull/24844
      'Any free port (once always 7777); `redirectUri` fixes it.',
      // https://zuplo.com/learn/mcp/compatibility/clients/gemini-cli
      'Cuts tool names at 64 characters, after putting `mcp_` before them.',
    ],
  },
  {
    name: 'Windsurf',
    page: 'windsurf',
    quirks: [
      // https://docs.windsurf.com/windsurf/cascade/mcp
      'Signs in with OAuth on every transport. How it registers and where it is sent back to is not documented.',
    ],
  },
  {
    name: 'Zed',
    page: 'zed',
    document: {
      // https://github.com/zed-industries/zed/pull/51768, https://github.com/zed-industries/zed/issues/56769
      url: 'https://zed.dev/oauth/client-metadata.json',
      redirectUris: ['http://127.0.0.1/callback'],
      sends: 'http://127.0.0.1:27523/callback',
    },
    registration: {
      // https://github.com/zed-industries/zed/pull/51768
      redirectUris: ['http://127.0.0.1:40124/callback'],
      sends: 'http://127.0.0.1:40124/callback',
    },
    quirks: [
      // https://github.com/zed-industries/zed/pull/51768
      'Signs in only where no `Authorization` header is configured.',
    ],
  },
  {
    name: 'opencode',
    page: 'opencode',
    document: {
      // https://github.com/anomalyco/opencode/pull/47737
      url: 'https://opencode.ai/oauth/opencode/client.json',
      redirectUris: ['http://127.0.0.1/callback', 'http://localhost/callback'],
      sends: 'http://127.0.0.1:40125/callback',
      metadata: { application_type: 'native', token_endpoint_auth_methods_supported: ['none'] },
    },
    registration: {
      // https://github.com/anomalyco/opencode/issues/7377
      redirectUris: ['http://127.0.0.1:19876/mcp/oauth/callback'],
      sends: 'http://127.0.0.1:19876/mcp/oauth/callback',
    },
    quirks: [
      // https://github.com/anomalyco/opencode/pull/31033
      'A web application firewall in front may take `http://127.0.0.1` in its requests for an attack and answer 403.',
    ],
  },
  {
    name: 'MCP Inspector',
    page: 'inspector',
    registration: {
      // @modelcontextprotocol/inspector 2.12.0, `DEFAULT_RUNNER_OAUTH_CALLBACK_URL`
      redirectUris: ['http://127.0.0.1:6276/oauth/callback'],
      sends: 'http://127.0.0.1:6276/oauth/callback',
    },
    quirks: [
      // The same file
      '`MCP_OAUTH_CALLBACK_URL` moves its listener, which stays on loopback.',
    ],
  },
  {
    name: 'mcp-remote',
    page: 'mcp-remote',
    registration: {
      // mcp-remote 0.15.1, `calculateDefaultPort`, `DEFAULT_CALLBACK_PATH`
      redirectUris: ['http://localhost:7416/oauth/callback'],
      sends: 'http://localhost:7416/oauth/callback',
    },
    quirks: [
      // The same file
      'The port follows from the address of the server; the host is `127.0.0.1` on Windows.',
      '`--client-metadata-url` lets it use a document of yours.',
    ],
  },
];
