import { asChatError, ChatError } from './errors.js';

/**
 * Fetches an access token. It is called once, again before the token expires, and when the service refuses it.
 * @param refused the token that the service does not take any more
 */
export type TokenFunction = (refused?: string) => Promise<string>;

/** The access token in use. Calls that come while one is fetched wait for the same. */
export class Tokens {
  private current: Promise<string> | undefined;

  constructor(private readonly fetchToken: TokenFunction) {}

  /** @throws ChatError `TOKEN_UNAVAILABLE`, or what the function threw if that is a ChatError */
  get(): Promise<string> {
    this.current ??= this.fetch();
    return this.current;
  }

  /** A token in place of this one; the present one if that is another already. @throws as `get` */
  async renew(refused: string): Promise<string> {
    const before = this.current;
    const token = await before?.catch(() => undefined);
    const isReplaced = before !== this.current || (token !== undefined && token !== refused);
    if (!isReplaced) this.current = this.fetch(refused);
    return this.get();
  }

  /** The next call fetches one. */
  forget(): void {
    this.current = undefined;
  }

  private fetch(refused?: string): Promise<string> {
    const fetched = this.checked(refused);
    fetched.catch(() => {
      if (this.current === fetched) this.current = undefined;
    });
    return fetched;
  }

  private async checked(refused?: string): Promise<string> {
    try {
      const token = await this.fetchToken(refused);
      if (typeof token === 'string' && token !== '') return token;
    } catch (error) {
      throw asChatError(error, 'TOKEN_UNAVAILABLE');
    }
    throw new ChatError('TOKEN_UNAVAILABLE', 'The token function returned no token.');
  }
}
