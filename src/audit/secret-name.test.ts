import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSecretName } from './secret-name.ts';

test('names of secrets are known in every spelling', () => {
  const names =
    'password Password user_password db.passwd PWD passwordHash token access_token refreshToken id-token authorization ' +
    'X-Authorization api_key apiKey APIKEY X-Api-Key openai_api_key client_secret clientSecret private_key ' +
    'aws_secret_access_key credentials cookie Set-Cookie sessionId session_key pin otp jwt auth connectionString';
  for (const name of names.split(' ')) assert.equal(isSecretName(name), true, name);
});

test('names that only sound like it are not', () => {
  const names =
    'author key keyword monkey tokenizer nextPageToken page_token max_tokens progressToken secretary passenger compass ' +
    'pinned cookies_enabled tokenType description id name';
  for (const name of names.split(' ')) assert.equal(isSecretName(name), false, name);
});
