import { isObject } from '../mcp/message.ts';
import type { Catalogue } from '../model/catalogue.ts';
import type { JsonObject } from '../model/json.ts';
import type { Caller } from '../model/principal.ts';
import { isConnectable } from './connect-tool.ts';
import type { GatewayContext } from './context.ts';
import type { Mount } from './mount.ts';
import { loadOwnCatalogues, mounted } from './snapshot.ts';

/** What the gateway says of itself, or of the one upstream of a mount, in `initialize` and `server/discover`. */
export interface Introduction {
  readonly serverInfo: JsonObject;
  readonly capabilities: JsonObject;
  readonly instructions: string | undefined;
}

/**
 * The capabilities of the mounted upstreams together, so far as the gateway carries them. List changes are always
 * announced, as the gateway watches the lists itself. What it does not know (`tasks`, `experimental`) it cannot govern
 * and does not offer.
 */
export async function introduce(gateway: GatewayContext, caller: Caller, mount: Mount): Promise<Introduction> {
  const snapshot = gateway.snapshot();
  const upstreams = mounted(snapshot, mount);
  await loadOwnCatalogues(gateway.upstreams, snapshot, mount, caller);
  const catalogues = upstreams.flatMap((upstream) => snapshot.catalogueOf(upstream, caller) ?? []);
  const only = mount.upstream === null ? undefined : catalogues[0];
  return {
    serverInfo: only?.serverInfo ?? { name: 'toolgate', title: 'Toolgate', version: gateway.version },
    capabilities: unite(catalogues, catalogues.length < upstreams.length || upstreams.some(isConnectable)),
    instructions: only?.instructions,
  };
}

/**
 * @param incomplete some upstream is not there yet, or may be left and connected again: what it will list is announced only
 * to clients that were offered lists
 */
function unite(catalogues: readonly Catalogue[], incomplete: boolean): JsonObject {
  const offered = catalogues.map((catalogue) => catalogue.capabilities);
  const some = (name: string) => offered.some((capabilities) => isObject(capabilities[name]));
  const subscribe = offered.some(({ resources }) => isObject(resources) && resources.subscribe === true);
  return {
    ...((incomplete || some('tools')) && { tools: { listChanged: true } }),
    ...((incomplete || some('prompts')) && { prompts: { listChanged: true } }),
    ...((incomplete || some('resources')) && {
      resources: { listChanged: true, ...(subscribe && { subscribe: true }) },
    }),
    ...(some('completions') && { completions: {} }),
    ...(some('logging') && { logging: {} }),
  };
}
