import { asChatError, ChatError } from './errors.js';

/**
 * Fetches an access token. It is called once, again before the token expires, and when the service refuses it.
 * @param refused the token that the service does not take any more
 */
export type TokenFunction = (refused?: string) => Promise<string>;

/** The access token in use. Calls that come while one is fetched wait for the same. */
export interface Tokens {
  /** @throws ChatError `TOKEN_UNAVAILABLE`, or what the function threw if that is a ChatError */
  get(): Promise<string>;
  /** A token in place of this one; the present one if that is another already. @throws as `get` */
  renew(refused: string): Promise<string>;
  /** The next call fetches one. */
  forget(): void;
}

export function tokensFrom(fetchToken: TokenFunction): Tokens {
  let current: Promise<string> | undefined;

  const fetch = (refused?: string): Promise<string> => {
    const fetched = checked(fetchToken, refused).catch((error) => {
      if (current === fetched) current = undefined;
      throw error;
    });
    current = fetched;
    return fetched;
  };
  const get = () => current ?? fetch();

  return {
    get,
    async renew(refused) {
      const before = current;
      const token = await before?.catch(() => undefined);
      return before !== current || (token !== undefined && token !== refused) ? get() : fetch(refused);
    },
    forget() {
      current = undefined;
    },
  };
}

async function checked(fetchToken: TokenFunction, refused: string | undefined): Promise<string> {
  try {
    const token = await fetchToken(refused);
    if (typeof token === 'string' && token !== '') return token;
  } catch (error) {
    throw asChatError(error, 'TOKEN_UNAVAILABLE');
  }
  throw new ChatError('TOKEN_UNAVAILABLE', 'No token.');
}
