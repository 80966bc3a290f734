import { createRequire } from 'node:module';
import { BATCH_SCHEMA, SCHEMA } from './cedar-schema.ts';

export type Cedar = typeof import('@cedar-policy/cedar-wasm/nodejs');

/** One instance of the Cedar WebAssembly module, loaded at its first use. */
export interface CedarRuntime {
  /**
   * Runs `use` with the instance. Whatever it throws, the instance is given up, because a trap (a stack overflow) leaves it
   * unusable for good; the next call gets a new one, in 35 to 80 ms, that knows no prepared policy set.
   */
  run<T>(use: (cedar: Cedar) => T): T;
  /** Changes whenever prepared policy sets are lost. */
  readonly instance: number;
}

/** The names under which every instance has the schemas prepared. */
export const SCHEMA_NAME = 'toolgate';
export const BATCH_SCHEMA_NAME = 'batch';

export function createCedarRuntime(): CedarRuntime {
  let cedar: Cedar | undefined;
  let instance = 0;
  return {
    get instance() {
      return instance;
    },
    run(use) {
      cedar ??= instantiate();
      try {
        return use(cedar);
      } catch (error) {
        cedar = undefined;
        instance++;
        throw error;
      }
    },
  };
}

/**
 * The package instantiates at load and keeps that one instance in its module, so a new instance needs a new module. A
 * `require` of its own and an emptied cache let go of the old one with all its memory.
 */
function instantiate(): Cedar {
  const require = createRequire(import.meta.url);
  const path = require.resolve('@cedar-policy/cedar-wasm/nodejs');
  delete require.cache[path];
  const cedar: Cedar = require(path);
  delete require.cache[path];
  for (const [name, schema] of [
    [SCHEMA_NAME, SCHEMA],
    [BATCH_SCHEMA_NAME, BATCH_SCHEMA],
  ] as const) {
    const prepared = cedar.preparseSchema(name, schema);
    if (prepared.type === 'failure')
      throw new Error(`Cedar refuses the ${name} schema: ${prepared.errors.map((error) => error.message).join('; ')}`);
  }
  return cedar;
}
