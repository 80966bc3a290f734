import { type ClientIdentity, WELL_KNOWN_CLIENTS } from '../src/authorization-server/clients/well-known-clients.ts';

/** docs/connect/clients.md: what an operator has to know of each client. */
export function renderClientDocs(): string {
  return `# What clients do when they sign in

Generated from \`src/authorization-server/clients/well-known-clients.ts\`, where the sources stand: do not edit. Back to
[Connect](README.md).

A client brings the URL of a *document* of its own, which Toolgate reads, or it *registers* itself. The first is preferred:
the host of the document is checked, so people see who asks. Anybody can register under any name. Ports and ids in what is
registered are examples where they differ from one computer to the next.

${WELL_KNOWN_CLIENTS.map(section).join('\n')}
## With \`oauth.clients.registration: listed\`

These hosts under \`oauth.clients.redirectHosts\` let in the clients above that register; programs on people's own computers
need none.

${hosts()
  .map((host) => `- \`${host}\``)
  .join('\n')}

## With \`oauth.clients.metadataDocuments.domains\`

${domains()
  .map((domain) => `- \`${domain}\``)
  .join('\n')}
`;
}

function section({ name, page, document, registration, quirks }: (typeof WELL_KNOWN_CLIENTS)[number]): string {
  const rows = [
    ...(document === undefined
      ? []
      : [`| Document | \`${document.url}\` |`, `| …is sent back to | ${redirects(document)} |`]),
    ...(registration === undefined ? [] : [`| Registers, is sent back to | ${redirects(registration)} |`]),
  ];
  const table = rows.length === 0 ? '' : `\n| | |\n|---|---|\n${rows.join('\n')}\n`;
  return `## [${name}](${page}.md)\n${table}\n${quirks.map((quirk) => `- ${quirk}`).join('\n')}\n`;
}

const redirects = ({ redirectUris }: ClientIdentity): string => redirectUris.map((uri) => `\`${uri}\``).join('<br>');

function hosts(): string[] {
  const uris = WELL_KNOWN_CLIENTS.flatMap(({ registration }) => registration?.redirectUris ?? []);
  return [...new Set(uris.filter((uri) => uri.startsWith('https:')).map((uri) => new URL(uri).host))].sort();
}

function domains(): string[] {
  const urls = WELL_KNOWN_CLIENTS.flatMap(({ document }) => document?.url ?? []);
  return [...new Set(urls.map((url) => new URL(url).host))].sort();
}
