import assert from 'node:assert/strict';
import { ProviderFailure, type ProviderFailureKind } from '../../src/upstreams/oauth/provider/provider-failure.ts';

/** For assert.rejects: a ProviderFailure of this kind whose message says this. */
export const failsAs =
  (kind: ProviderFailureKind, text: RegExp) =>
  (error: unknown): true => {
    assert.ok(error instanceof ProviderFailure, String(error));
    assert.equal(error.kind, kind, error.message);
    assert.match(error.message, text);
    return true;
  };
