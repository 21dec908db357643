import { ChatError } from './errors.js';
import type { Fetch } from './http.js';
import { isObject, type JsonObject, parseObject } from './json.js';
import { type ChatStorage, memoryStorage } from './storage.js';

/** Sign-in at the service itself: authorization code with PKCE, of a public client. */
export interface OAuthOptions {
  clientId: string;
  /** Letter by letter as it was registered. */
  redirectUri: string;
  /** By default all that the client may have. */
  scope?: string;
  /** Keeps the sign-in over reloads. `sessionStorage` ends it with the tab. By default it is kept in memory, and a redirect ends it. */
  storage?: ChatStorage;
}

interface Tokens {
  access: string;
  refresh: string | undefined;
  /** By `Date.now()`. */
  expiresAt: number;
}

/** A token that expires in less than this is refreshed. Milliseconds. */
const MARGIN_MS = 30_000;

/**
 * RFC 6749 with RFC 7636 (PKCE), RFC 9207 (`iss`) and RFC 7009. Send your user to `await oauth.signInUrl()`, and when the browser is back,
 * call `await oauth.finishSignIn(location.href)`.
 */
export interface OAuth {
  /** The address of the sign-in page. What proves later that it was asked for here is in the storage. */
  signInUrl(): Promise<string>;
  /**
   * Ends a sign-in at the address that the sign-in page has sent the browser to.
   * @returns false when the address is of no sign-in: it has neither `code` nor `error`
   * @throws ChatError `UNAUTHENTICATED` when it was refused, or was not asked for here
   */
  finishSignIn(address: string): Promise<boolean>;
  isSignedIn(): Promise<boolean>;
  /** Ends the sign-in here and at the service, with all its sockets. @throws ChatError when the service could not be told */
  signOut(): Promise<void>;
  /** An access token that is good for a while, and is not `refused`. @throws ChatError `UNAUTHENTICATED` when it takes a sign-in */
  token(refused?: string): Promise<string>;
}

export function oauthAt(url: string, options: OAuthOptions, fetch: Fetch): OAuth {
  return new SignIn(url, { storage: memoryStorage(), ...options }, fetch);
}

class SignIn implements OAuth {
  private readonly key: string;
  private refreshing: Promise<string> | undefined;

  constructor(
    private readonly url: string,
    private readonly options: OAuthOptions & { storage: ChatStorage },
    private readonly fetch: Fetch,
  ) {
    this.key = `chat-api:oauth:${url}:${options.clientId}`;
  }

  async signInUrl(): Promise<string> {
    const { clientId, redirectUri, scope, storage } = this.options;
    const [verifier, state] = [randomText(), randomText()];
    await storage.setItem(`${this.key}:request`, JSON.stringify({ verifier, state }));
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier));
    const query = new URLSearchParams({
      ...{ response_type: 'code', client_id: clientId, redirect_uri: redirectUri, state },
      ...{ code_challenge: base64url(new Uint8Array(digest)), code_challenge_method: 'S256' },
      ...(scope !== undefined && { scope }),
    });
    return `${this.url}/oauth/authorize/?${query}`;
  }

  async finishSignIn(address: string): Promise<boolean> {
    const { storage, redirectUri } = this.options;
    const answer = new URL(address).searchParams;
    const [code, error] = [answer.get('code'), answer.get('error')];
    if (code === null && error === null) return false;
    const request = parseObject((await storage.getItem(`${this.key}:request`)) ?? '');
    await storage.removeItem(`${this.key}:request`);
    const isOwn = request !== undefined && answer.get('state') === request.state;
    const issuer = answer.get('iss');
    if (!isOwn || (issuer !== null && issuer.replace(/\/$/, '') !== this.url))
      throw new ChatError('UNAUTHENTICATED', 'This sign-in was not asked for here.');
    if (code === null) throw new ChatError('UNAUTHENTICATED', answer.get('error_description') ?? String(error));
    await this.grant({
      ...{ grant_type: 'authorization_code', code, redirect_uri: redirectUri },
      code_verifier: String(request.verifier),
    });
    return true;
  }

  async isSignedIn(): Promise<boolean> {
    return (await this.read()) !== undefined;
  }

  async signOut(): Promise<void> {
    const tokens = await this.read();
    await this.options.storage.removeItem(this.key);
    if (tokens) await this.post('revoke_token', { token: tokens.refresh ?? tokens.access });
  }

  async token(refused?: string): Promise<string> {
    const tokens = await this.read();
    if (!tokens) throw new ChatError('UNAUTHENTICATED', 'Nobody is signed in.');
    if (tokens.access !== refused && tokens.expiresAt - MARGIN_MS > Date.now()) return tokens.access;
    this.refreshing ??= this.refresh(tokens).finally(() => {
      this.refreshing = undefined;
    });
    return this.refreshing;
  }

  private async refresh({ access, refresh, expiresAt }: Tokens): Promise<string> {
    if (refresh === undefined) {
      if (expiresAt > Date.now()) return access;
      throw new ChatError('UNAUTHENTICATED', 'The sign-in has ended.');
    }
    try {
      return await this.grant({ grant_type: 'refresh_token', refresh_token: refresh });
    } catch (error) {
      if (error instanceof ChatError && error.code === 'UNAUTHENTICATED') await this.forget(refresh);
      throw error;
    }
  }

  /** The sign-in has ended; another tab may have begun one. */
  private async forget(refresh: string): Promise<void> {
    if ((await this.read())?.refresh === refresh) await this.options.storage.removeItem(this.key);
  }

  private async grant(form: Record<string, string>): Promise<string> {
    const answer = await this.post('token', form);
    const { access_token: access, refresh_token: refresh, expires_in: seconds } = answer;
    if (typeof access !== 'string') throw new ChatError('PROTOCOL', 'The token endpoint gave no token.');
    const tokens: Tokens = {
      access,
      refresh: typeof refresh === 'string' ? refresh : undefined,
      expiresAt: Date.now() + Number(seconds ?? 0) * 1000,
    };
    await this.options.storage.setItem(this.key, JSON.stringify(tokens));
    return access;
  }

  private async post(path: string, form: Record<string, string>): Promise<JsonObject> {
    const body = new URLSearchParams({ ...form, client_id: this.options.clientId });
    let response: Response;
    let text: string;
    try {
      response = await this.fetch(`${this.url}/oauth/${path}/`, { method: 'POST', body });
      text = await response.text();
    } catch (cause) {
      throw new ChatError('NETWORK', 'The service could not be reached.', { cause });
    }
    const answer = parseObject(text) ?? {};
    if (response.ok) return answer;
    const code = response.status < 500 && response.status !== 429 ? 'UNAUTHENTICATED' : 'SERVICE_UNAVAILABLE';
    throw new ChatError(
      code,
      String(answer.error_description ?? answer.error ?? `The service answered ${response.status}.`),
    );
  }

  private async read(): Promise<Tokens | undefined> {
    const stored: unknown = parseObject((await this.options.storage.getItem(this.key)) ?? '');
    return isObject(stored) && typeof stored.access === 'string' ? (stored as unknown as Tokens) : undefined;
  }
}

function randomText(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

/** https://datatracker.ietf.org/doc/html/rfc7636#appendix-A */
function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replace(/\+/g, '-')
    .replace(/\//g, '_')
    .replace(/=+$/, '');
}
