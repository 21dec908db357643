import { asChatError, ChatError, type ChatErrorCode, closedError, type ErrorObject, errorFrom } from './errors.js';
import { isObject, type JsonObject, parseObject } from './json.js';
import type { Tokens } from './tokens.js';

/** `fetch`, or what does the same. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

const TIMEOUT_MS = 20_000;

const CODES: Readonly<Record<number, ChatErrorCode>> = {
  401: 'UNAUTHENTICATED',
  403: 'FORBIDDEN',
  429: 'RATE_LIMITED',
  503: 'SERVICE_UNAVAILABLE',
};

/** GraphQL over HTTP, with the token in use. */
export class Http {
  private readonly closing = new AbortController();

  /** @param url the service's origin, without a slash at the end */
  constructor(
    readonly url: string,
    private readonly tokens: Tokens,
    readonly fetch: Fetch,
  ) {}

  /**
   * Runs an operation. A token that the service refuses is renewed once.
   * @throws ChatError of the first error of the answer; `NETWORK` when no answer came within 20 s
   */
  async request<Data = JsonObject>(query: string, variables: object = {}): Promise<Data> {
    const token = await this.tokens.get();
    try {
      return await this.run<Data>(token, query, variables);
    } catch (error) {
      if (!(error instanceof ChatError) || error.code !== 'UNAUTHENTICATED') throw error;
      const renewed = await this.tokens.renew(token);
      if (renewed === token) throw error;
      return this.run<Data>(renewed, query, variables);
    }
  }

  close(): void {
    this.closing.abort();
  }

  private async run<Data>(token: string, query: string, variables: object): Promise<Data> {
    const { response, text } = await this.post(token, JSON.stringify({ query, variables }));
    const body = parseObject(text) ?? {};
    const [first] = Array.isArray(body.errors) ? body.errors : [];
    if (isObject(first)) throw errorFrom({ ...(first.extensions as ErrorObject), message: String(first.message) });
    if (!response.ok || !isObject(body.data)) throw refusalOf(response, body);
    return body.data as Data;
  }

  private async post(token: string, body: string): Promise<{ response: Response; text: string }> {
    const { signal } = this.closing;
    if (signal.aborted) throw closedError();
    const timeout = new AbortController();
    const abort = () => timeout.abort();
    const timer = setTimeout(abort, TIMEOUT_MS);
    signal.addEventListener('abort', abort);
    try {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const response = await this.fetch(`${this.url}/graphql/`, {
        ...{ method: 'POST', headers, body },
        signal: timeout.signal,
      });
      return { response, text: await response.text() };
    } catch (error) {
      throw signal.aborted ? closedError() : asChatError(error);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    }
  }
}

/** The error of an answer that is not GraphQL's: by its status, and the body that the service's other paths have. */
export function refusalOf({ status, headers }: Response, body: JsonObject | undefined): ChatError {
  const code = CODES[status] ?? (status >= 500 ? 'INTERNAL_SERVER_ERROR' : 'PROTOCOL');
  const seconds = Number(headers.get('retry-after') ?? Number.NaN);
  return new ChatError(code, typeof body?.message === 'string' ? body.message : `The service answered ${status}.`, {
    retryAfterMs: Number.isFinite(seconds) ? seconds * 1000 : undefined,
  });
}
