import assert from 'node:assert/strict';
import { test } from 'node:test';
import { httpUpstream } from '../../test/fakes/upstream-call.ts';
import { callerHeaders } from './caller-headers.ts';

const from = (...rawHeaders: string[]) => ({ rawHeaders });

test('nothing of the caller passes unless it is listed', () => {
  assert.deepEqual(callerHeaders(httpUpstream('http://x/'), from('X-Tenant', 'a', 'Accept-Language', 'de')), []);
  const upstream = httpUpstream('http://x/', { forwardHeaders: ['x-tenant'] });
  assert.deepEqual(callerHeaders(upstream, from('X-Tenant', 'a', 'Accept-Language', 'de')), ['x-tenant', 'a']);
});

test('credentials, framing, hop-by-hop and protocol headers never pass, even when they are listed', () => {
  const never = [
    'Authorization',
    'Cookie',
    'Host',
    'X-Api-Key',
    'X-Toolgate-Key',
    'x-toolgate-anything',
    'Mcp-Session-Id',
    'MCP-Protocol-Version',
    'mcp-name',
    'Connection',
    'Transfer-Encoding',
    'Content-Length',
    'Proxy-Authorization',
    'Upgrade',
    'TE',
    'Last-Event-ID',
    'Origin',
  ];
  const upstream = httpUpstream('http://x/', {
    forwardHeaders: [...never, ...never.map((name) => name.toLowerCase()), 'x-ok'],
  });
  const raw = never.flatMap((name) => [name, 'v', name.toUpperCase(), 'v']);
  assert.deepEqual(callerHeaders(upstream, from(...raw, 'X-OK', 'yes')), ['x-ok', 'yes']);
});

test('a caller cannot bring its own value for a header of the credential, in whatever spelling', () => {
  const upstream = httpUpstream('http://x/', {
    forwardHeaders: ['x-upstream-authorization', 'x_upstream_authorization', 'x-ok'],
    auth: { kind: 'headers', names: ['X-Upstream-Authorization'] },
  });
  const raw = from('X-Upstream-Authorization', 'mine', 'x_upstream_authorization', 'mine', 'X-Ok', '1');
  assert.deepEqual(callerHeaders(upstream, raw), ['x-ok', '1']);
});

test('what the Connection header names is of that connection only', () => {
  const upstream = httpUpstream('http://x/', { forwardHeaders: ['x-a', 'x-b'] });
  assert.deepEqual(callerHeaders(upstream, from('Connection', 'keep-alive, X-A', 'X-A', '1', 'X-B', '2')), [
    'x-b',
    '2',
  ]);
});
