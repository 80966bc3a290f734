import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ConsentPageView, consentPage } from './consent-page.ts';

const view: ConsentPageView = {
  action: '/oauth/consent',
  csrf: 'token',
  user: { name: 'ann@example.com' },
  switchAccountHref: '/sign-in?again=1',
  resource: { title: 'Example Tools', url: 'https://mcp.example.com/mcp' },
  upstreams: [{ name: 'jira', title: 'Jira' }],
  scopes: [{ scope: 'mcp:jira', text: 'Use every tool of Jira', detail: 'Also those that delete.' }],
  client: {
    id: 'https://evil.example/client.json',
    name: 'GitHub Copilot',
    verifiedHost: 'evil.example',
    uri: 'https://github.com',
    source: 'metadata-document',
  },
  redirectHost: 'callback.evil.example',
  isLoopback: false,
  isNew: true,
};

/** What a person reads, tags left out. */
const readable = (more: Partial<ConsentPageView> = {}): string =>
  String(consentPage({ ...view, ...more }))
    .replaceAll(/<summary>[\s\S]*?<\/summary>/g, '')
    .replaceAll(/<[^>]*>/g, '')
    .replaceAll(/\s+/g, ' ');

test('the host that was checked stands before the name that the client chose, which is quoted', () => {
  const markup = String(consentPage(view));
  assert.match(
    markup,
    /<p class="who"><bdi>evil\.example<\/bdi><\/p>\s*<p>calls its program “<bdi>GitHub Copilot<\/bdi>”/,
  );
  assert.ok(markup.indexOf('evil.example') < markup.indexOf('GitHub Copilot'));
});

test('a client that registered itself is headed as unverified, whatever it calls itself', () => {
  const client = { ...view.client, verifiedHost: null, source: 'registered' as const };
  const text = readable({ client });
  assert.match(text, /An unverified program calls itself “GitHub Copilot”\. Anybody can choose that name\./);
  assert.doesNotMatch(String(consentPage({ ...view, client })), /class="who">[^<]*<bdi>GitHub/);
});

test('a client that an operator configured is called by its name', () => {
  const client = { ...view.client, verifiedHost: null, source: 'configured' as const };
  assert.match(readable({ client }), /GitHub Copilot set up by an operator of this gateway/);
});

test('it says where the answer goes, and warns of programs and apps that cannot be checked', () => {
  assert.match(readable(), /You are sent on to callback\.evil\.example, which receives the access/);
  assert.match(
    readable({ isLoopback: true, redirectHost: 'localhost:3118' }),
    /A program on this computer receives the access \(localhost:3118\)\. Toolgate cannot check which program/,
  );
  assert.match(
    readable({ isAppScheme: true, redirectHost: 'cursor:' }),
    /An app on this device receives the access \(cursor:\)\. Toolgate cannot check which app/,
  );
});

test('it says what is asked for in plain words, for which servers, and as whom', () => {
  const text = readable();
  assert.match(text, /It wants to use Example Tools as you\. You have not used it here before\./);
  assert.match(text, /It could Use every tool of Jira Also those that delete\. ?On these servers ?Jira jira/);
  assert.match(text, /Signed in as ann@example\.com Use another account/);
  assert.match(String(consentPage(view)), /<a href="\/sign-in\?again=1">/);
  assert.doesNotMatch(readable({ isNew: false }), /not used it here before/);
});

test('it says whether the answer is remembered', () => {
  assert.match(readable({ remembered: true }), /Your answer is remembered until you revoke it/);
  assert.match(readable({ remembered: false }), /You are asked again next time/);
});

test('denying is one button like allowing', () => {
  const buttons = [...String(consentPage(view)).matchAll(/<button[^>]*>([^<]*)<\/button>/g)];
  assert.deepEqual(
    buttons.map(([button, text]) => [text, /name="decision" value="(\w+)"/.exec(button!)?.[1]]),
    [
      ['Deny', 'deny'],
      ['Allow', 'allow'],
    ],
  );
});

test('of forty scopes ten are shown and the others are one click away, none is left out', () => {
  const scopes = Array.from({ length: 40 }, (_, i) => ({ scope: `mcp:s${i}`, text: `Use server ${i}` }));
  const markup = String(consentPage({ ...view, scopes }));
  const [before, folded] = markup.split('<summary>and 30 more</summary>');
  assert.match(before!, /Use server 9</);
  assert.doesNotMatch(before!, /Use server 10</);
  for (const { text } of scopes.slice(10)) assert.ok(folded!.includes(`${text}<`), text);
});

test('a long host keeps its end, which says whose it is', () => {
  const verifiedHost = `accounts.google.com.${'a'.repeat(60)}.${'b'.repeat(60)}.evil.example`;
  const text = readable({ client: { ...view.client, verifiedHost }, redirectHost: verifiedHost });
  assert.doesNotMatch(text, /google/);
  assert.equal(text.match(/b\.evil\.example/g)?.length, 2);
});
