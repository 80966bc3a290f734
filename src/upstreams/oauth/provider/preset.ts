import type { ClientAuthMethod } from '../../../model/upstream.ts';

/** What is particular about a provider: all that its metadata does not say, or says wrongly. Data, and nothing else. */
export interface Preset {
  /** For people. */
  readonly title: string;
  /** Where its API and its sign-in are; null: an administrator has to give it, as everybody has their own. */
  readonly issuer: string | null;
  /** What to give for `issuer`, and for which products. */
  readonly issuerAdvice?: string;
  /**
   * Endpoints of a provider without metadata, which is then never asked for any. `{issuer}`: the issuer, `{origin}`: its
   * origin, `{api}`: `api`.
   */
  readonly endpoints?: { readonly authorization: string; readonly token: string };
  /** Where its API is: at `hosted` for the issuer above, at `own` for any other. */
  readonly api?: { readonly hosted: string; readonly own: string };
  /**
   * Issuers that metadata may say although the upstream names the provider in another way, which breaks RFC 8414 §3.3.
   * Compared exactly; for these names alone.
   */
  readonly issuerOf?: Readonly<Record<string, string>>;
  /** It knows PKCE with S256 although its metadata does not say so. */
  readonly pkceUnlisted?: boolean;
  /** How to authenticate when the gateway registers itself, instead of the first that the metadata lists. */
  readonly registerAs?: ClientAuthMethod;
  /** Whether the parameter of RFC 8707 is sent; true unless given. */
  readonly sendResource?: boolean;
  /** `offline_access` needs no `prompt=consent`, and is better without: people would have to be administrators. */
  readonly promptless?: boolean;
  /** Parameters of every authorization request. */
  readonly authorizationParams?: Readonly<Record<string, string>>;
  /** Scopes have commas between them instead of blanks: in its answers, or in requests as well. */
  readonly commas?: 'answers' | 'both';
  /** Scopes when neither the upstream nor the settings name any. */
  readonly scopes?: readonly string[];
  /** Which scopes only read. `exactly`: ask for these. `matching`: of those that the upstream names, the ones that fit. */
  readonly readOnly?: { readonly exactly: readonly string[] } | { readonly matching: RegExp };
  /** `token_type` values that mean Bearer. */
  readonly tokenTypes?: readonly string[];
  /** Where the answer says the scopes, when not in `scope`. */
  readonly scopeMember?: string;
  /** Own error codes, and those of RFC 6749 that they mean. */
  readonly errors?: Readonly<Record<string, string>>;
  /** Where the name of the account is: in the token answer (a path of members), or behind a URL of the API. */
  readonly account?:
    | { readonly members: readonly string[] }
    | { readonly url: string; readonly members: readonly string[] };
  /** Instead of RFC 7009. */
  readonly revocation?: { readonly style: 'github' | 'slack'; readonly url: string };
  /** What an administrator has to do there, and what people stumble over. */
  readonly notes: readonly string[];
}
