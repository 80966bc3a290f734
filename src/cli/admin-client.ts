import { CliError } from './cli-error.ts';
import { REGAIN_ACCESS } from './regain-access.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface WireRequest {
  readonly method: Method;
  /** Path and query, from `/api/v1` on. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
}

export interface WireAnswer {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: AsyncIterable<Uint8Array>;
}

/** How requests reach the admin API: over the network, or in this process. */
export interface AdminTransport {
  /** Where the changes happen, for messages: a URL or the data folder. */
  readonly place: string;
  /** Where clients reach the gateway when it runs, without a path. */
  readonly gatewayUrl: string;
  /** Whether the API runs in this process, on a data folder that no gateway uses. */
  readonly offline: boolean;
  exchange(request: WireRequest): Promise<WireAnswer>;
  close(): Promise<void>;
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface AdminClient extends Pick<AdminTransport, 'place' | 'gatewayUrl' | 'offline' | 'close'> {
  get<T>(path: string, query?: Query): Promise<T>;
  /** Every item of a list, page by page. */
  all<T>(path: string, query?: Query): Promise<T[]>;
  send<T>(method: Method, path: string, body?: unknown, options?: { readonly ifMatch?: string }): Promise<T>;
  /** The chunks of an answer that is not JSON. */
  stream(path: string, query?: Query): AsyncGenerator<Uint8Array>;
}

interface Problem {
  readonly title: string;
  readonly detail: string;
  readonly code: string;
  readonly remedy: string;
  readonly requestId: string;
  /** Each fault of a request that has several. */
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
}

const PAGE = 1000;

/** Talks to `/api/v1`. Every refusal becomes a CliError that says what to do. */
export function createAdminClient(transport: AdminTransport): AdminClient {
  async function request(method: Method, path: string, query: Query = {}, body?: unknown, ifMatch?: string) {
    const given = Object.entries(query).filter(([, value]) => value !== undefined);
    const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
    const answer = await transport.exchange({
      method,
      target: `/api/v1${path}${search === '' ? '' : `?${search}`}`,
      headers: {
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(ifMatch !== undefined && { 'if-match': ifMatch }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (answer.status >= 400) throw refusal(answer.status, await textOf(answer), transport.place);
    return answer;
  }

  async function json<T>(answer: WireAnswer): Promise<T> {
    const text = await textOf(answer);
    if (text === '') return undefined as T;
    try {
      return JSON.parse(text) as T;
    } catch (cause) {
      throw new CliError(`What answers at ${transport.place} is no Toolgate: it did not send JSON.`, { cause });
    }
  }

  const get = async <T>(path: string, query?: Query): Promise<T> => json(await request('GET', path, query));
  return {
    place: transport.place,
    gatewayUrl: transport.gatewayUrl,
    offline: transport.offline,
    close: transport.close,
    get,
    async all<T>(path: string, query: Query = {}) {
      const items: T[] = [];
      let cursor: string | undefined;
      do {
        const page = await get<{ items: T[]; nextCursor: string | null }>(path, { ...query, limit: PAGE, cursor });
        items.push(...page.items);
        cursor = page.nextCursor ?? undefined;
      } while (cursor !== undefined);
      return items;
    },
    send: async (method, path, body, { ifMatch } = {}) => json(await request(method, path, {}, body, ifMatch)),
    async *stream(path, query) {
      yield* (await request('GET', path, query)).body;
    },
  };
}

async function textOf({ body }: WireAnswer): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

function refusal(status: number, text: string, place: string): CliError {
  let problem: Partial<Problem> | null = null;
  try {
    problem = JSON.parse(text) as Problem;
  } catch {
    // Answered below.
  }
  if (typeof problem?.code !== 'string') {
    return new CliError(`What answers at ${place} is no Toolgate: it refused with HTTP ${status}.`, {
      data: { status },
    });
  }
  const { code, title = '', detail = title, remedy = '', requestId } = problem;
  // The catalog's own sentence needs the remedy; a text made for the case says what to do itself.
  const said = detail === title ? `${title}. ${remedy}` : (listed(detail, problem.errors) ?? detail);
  // What the API says to do needs a key that is valid.
  const told = code === 'credential_invalid' ? `${said} If you have no other key: ${REGAIN_ACCESS}` : said;
  const traced = status >= 500 && requestId !== undefined ? `${told} (request ${requestId})` : told;
  return new CliError(traced, {
    data: { code, status, requestId, ...(problem.errors !== undefined && { errors: problem.errors }) },
  });
}

/** Several faults below each other; null when there are not several. */
function listed(detail: string, errors: Problem['errors']): string | null {
  if (errors === undefined || errors.length < 2) return null;
  const [start] = /^.*? is not valid(?=\.)/.exec(detail) ?? ['This is not valid'];
  return [`${start}:`, ...errors.map(({ path, message }) => `  ${path === '' ? '' : `${path}: `}${message}`)].join(
    '\n',
  );
}
