import { ChatError, createChatClient, type OAuth } from '@chat-api/client';
import { decoded } from '../ui/routes.js';

/** The OAuth2 client that the service makes for its own page. */
const CLIENT_ID = 'chat-web-client';
const RETURN_KEY = 'chat-web:return';

/** The client of this tab. Another tab may be of another user: the sign-in is kept in the tab's own storage. */
export const chat = createChatClient({
  url: location.origin,
  oauth: { clientId: CLIENT_ID, redirectUri: `${location.origin}/`, storage: sessionStorage },
  storage: localStorage,
  onNotice: (notice) => {
    if (notice.type === 'storage') console.warn('What is being sent does not outlast a reload.', notice.error);
  },
});

export interface SignedOut {
  state: 'signedOut';
  /** Why a sign-in came to nothing. */
  problem?: string;
}

export type SessionState = { state: 'signedIn' } | { state: 'leaving' } | SignedOut;

/** Finds out at the page's start who is here: ends a sign-in that has led back to this page, or begins one that its address asks for. */
export async function beginSession(): Promise<SessionState> {
  const { hash, search, href } = location;
  const address = new URLSearchParams(hash.replace(/^#\/?/, ''));
  const code = address.get('code');
  if (code !== null) return redeem(code, address.get('chat'));
  const as = /^#\/as\/(.+)$/.exec(hash)?.[1];
  if (as !== undefined) {
    history.replaceState(null, '', '/');
    return signIn({ prompt: 'login', login_hint: decoded(as) });
  }
  if (search !== '') {
    history.replaceState(null, '', `/${takeReturn() || hash}`);
    const problem = await oauth()
      .finishSignIn(href)
      .then(() => undefined, reasonOf);
    // An address that somebody else has made ends no sign-in that there is.
    if (problem !== undefined && !(await oauth().isSignedIn())) return { state: 'signedOut', problem };
  }
  return (await oauth().isSignedIn()) ? { state: 'signedIn' } : { state: 'signedOut' };
}

/** Leads to the service's sign-in page, and from there back to where one is. */
export async function signIn(more: Record<string, string> = {}): Promise<SessionState> {
  if (location.hash.startsWith('#/')) sessionStorage.setItem(RETURN_KEY, location.hash);
  const url = new URL(await oauth().signInUrl());
  for (const [name, value] of Object.entries(more)) url.searchParams.set(name, value);
  location.assign(url);
  return { state: 'leaving' };
}

/** Ends the sign-in of this tab, and the browser's on the sign-in page: the next person has to sign in. */
export async function signOut(): Promise<void> {
  const ended = await Promise.allSettled([oauth().signOut(), fetch('/oauth/browser_session/', { method: 'DELETE' })]);
  const failed = ended.find(({ status }) => status === 'rejected');
  if (failed) console.warn('The service was not told of the sign-out.', failed);
  location.replace('/');
}

/** A code of the first start: it begins a session of the browser, with which the sign-in page asks nothing. */
async function redeem(code: string, chatId: string | null): Promise<SessionState> {
  history.replaceState(null, '', chatId === null ? '/' : `/#/chat/${encodeURIComponent(chatId)}`);
  const answer = await fetch('/oauth/browser_session/', { method: 'POST', body: new URLSearchParams({ code }) }).catch(
    () => undefined,
  );
  if (answer?.ok) return signIn();
  if (await oauth().isSignedIn()) return { state: 'signedIn' };
  const problem = answer
    ? 'This address has been used already, or is older than five minutes.'
    : 'The service could not be reached.';
  return { state: 'signedOut', problem };
}

function takeReturn(): string {
  const hash = sessionStorage.getItem(RETURN_KEY) ?? '';
  sessionStorage.removeItem(RETURN_KEY);
  return hash;
}

function reasonOf(error: unknown): string {
  return error instanceof ChatError ? error.message : String(error);
}

function oauth(): OAuth {
  if (!chat.oauth) throw new Error('The client has no sign-in.');
  return chat.oauth;
}
