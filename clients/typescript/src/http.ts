import { asChatError, ChatError, type ChatErrorCode, closedError, type ErrorObject, errorFrom } from './errors.js';
import { isObject, type JsonObject, parseObject } from './json.js';
import type { Lifetime } from './lifetime.js';
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

/**
 * Runs a GraphQL operation over HTTP, with the token in use. A token that the service refuses is renewed once.
 * @throws ChatError of the first error of the answer; `NETWORK` when no answer came within 20 s
 */
export type Request = <Data = JsonObject>(query: string, variables?: object) => Promise<Data>;

/** @param url the service's origin, without a slash at the end */
export function requestsTo(url: string, tokens: Tokens, fetch: Fetch, life: Lifetime): Request {
  const run = async <Data>(token: string, operation: object): Promise<Data> => {
    if (life.isOver) throw closedError();
    const timeout = new AbortController();
    const abort = () => timeout.abort();
    const timer = setTimeout(abort, TIMEOUT_MS);
    const stop = life.onEnd(abort);
    try {
      const response = await fetch(`${url}/graphql/`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify(operation),
        signal: timeout.signal,
      });
      return dataOf<Data>(response, await response.text());
    } catch (error) {
      throw life.isOver ? closedError() : asChatError(error);
    } finally {
      clearTimeout(timer);
      stop();
    }
  };
  return async <Data>(query: string, variables: object = {}): Promise<Data> => {
    const token = await tokens.get();
    const operation = { query, variables };
    try {
      return await run<Data>(token, operation);
    } catch (error) {
      if ((error as ChatError).code !== 'UNAUTHENTICATED') throw error;
      const renewed = await tokens.renew(token);
      if (renewed === token) throw error;
      return run<Data>(renewed, operation);
    }
  };
}

function dataOf<Data>(response: Response, text: string): Data {
  const body = parseObject(text) ?? {};
  const [first] = Array.isArray(body.errors) ? body.errors : [];
  if (isObject(first)) throw errorFrom({ ...(first.extensions as ErrorObject), message: String(first.message) });
  if (!response.ok || !isObject(body.data)) throw refusalOf(response, body);
  return body.data as Data;
}

/** The error of an answer that is not GraphQL's: by its status, and the body that the service's other paths have. */
export function refusalOf({ status, headers }: Response, body: JsonObject | undefined): ChatError {
  const code = CODES[status] ?? (status >= 500 ? 'INTERNAL_SERVER_ERROR' : 'PROTOCOL');
  const seconds = Number(headers.get('retry-after'));
  return new ChatError(code, typeof body?.message === 'string' ? body.message : `The service answered ${status}.`, {
    retryAfterMs: seconds ? seconds * 1000 : undefined,
  });
}
