/**
 * The library that speaks OAuth: read at first use, since it takes longer than the whole rest of a start. It warns of every
 * release of Node that has no long-term support yet; we are tested with ours.
 */
export async function loadOidcLibrary() {
  const { warn } = console;
  console.warn = (text: unknown, ...rest: unknown[]) => {
    if (!String(text).includes('Unsupported runtime')) warn(text, ...rest);
  };
  try {
    return await import('oidc-provider');
  } finally {
    console.warn = warn;
  }
}

export type OidcLibrary = Awaited<ReturnType<typeof loadOidcLibrary>>;
export type OidcProvider = InstanceType<OidcLibrary['default']>;
