import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';

/** A web site of a client's vendor, with the client's metadata document. SDKs accept https alone, also on this machine. */
export interface DocumentSite {
  /** The client id: where the document is. */
  readonly url: string;
  /** How often it was read. */
  readonly reads: () => number;
  close(): Promise<void>;
}

/** This process, and so the gateway in it, trusts the site's certificate from now on until it is closed. */
export async function startDocumentSite(metadata: Record<string, unknown>): Promise<DocumentSite> {
  const { key, cert } = await newCertificate();
  const trusted = getCACertificates('default');
  setDefaultCACertificates([...trusted, cert]);
  let reads = 0;
  const server = createServer({ key, cert }, (_request, response) => {
    reads++;
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ client_id: url, ...metadata }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `https://localhost:${(server.address() as AddressInfo).port}/client.json`;
  return {
    url,
    reads: () => reads,
    async close() {
      setDefaultCACertificates(trusted);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function newCertificate(): Promise<{ key: string; cert: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'toolgate-site-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const of = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', cert];
  try {
    execFileSync('openssl', ['req', '-x509', '-days', '1', ...of, ...made], { stdio: 'pipe' });
    return { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') };
  } finally {
    await rm(folder, { recursive: true });
  }
}
