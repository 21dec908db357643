import type { ChatClient } from './client.js';
import { USER } from './documents.js';
import { asChatError, type ChatError } from './errors.js';
import type { UserRef } from './messages.js';
import { documentOf, type Runner, run } from './operations.js';
import { persist } from './retry.js';
import type { ChatRole, InvitedChat, InviteLink } from './schema.js';
import { type Observable, storeOf, whenReady } from './store.js';

/** An invitation of the user to a chat. */
export interface Invitation {
  readonly id: string;
  readonly chat: Readonly<InvitedChat>;
  /** Null when the account is gone. */
  readonly inviter: UserRef | null;
  /** What who accepts becomes. */
  readonly role: ChatRole;
  readonly createdAt: string;
  readonly expiresAt: string;
}

export interface InvitationsView {
  readonly status: 'loading' | 'ready' | 'failed';
  readonly error: ChatError | null;
  /** The user’s open invitations, the newest first. */
  readonly invitations: readonly Invitation[];
}

export interface Invitations extends Observable<InvitationsView> {
  /** Resolves when they are loaded. @throws ChatError that is not transient */
  ready(): Promise<InvitationsView>;
}

const INVITATION = `{id chat{id name topic memberCount createdAt} inviter${USER} role createdAt expiresAt}`;
const LINK = '{id code role expiresAt maxUses uses createdAt}';
const ID = { id: 'ID!' };

export const INVITATIONS = documentOf('query', 'invitations', {}, INVITATION);
export const LINKS = documentOf('query', 'inviteLinks', { chatId: 'ID!' }, LINK);
export const INVITE = documentOf('mutation', 'inviteToChat', { chatId: 'ID!', userId: 'ID!' }, INVITATION);
export const ACCEPT = documentOf('mutation', 'acceptInvitation', { id: 'ID', code: 'String' }, '{chat{id}}');
export const DECLINE = documentOf('mutation', 'declineInvitation', ID, '');
export const REVOKE = documentOf('mutation', 'revokeInvitation', ID, '');
export const CREATE_LINK = documentOf(
  'mutation',
  'createInviteLink',
  { chatId: 'ID!', role: 'ChatRole', expiresAt: 'DateTime', maxUses: 'Int' },
  LINK,
);

/** The longest that a timer can wait. Milliseconds. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The user’s open invitations, kept up to date while somebody listens. */
export function openInvitations(client: ChatClient): Invitations {
  const { connection, patience } = client.context;
  let stop: (() => void) | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** Counts what has been heard of: what is read may be from before it. */
  let heard = 0;
  const store = storeOf<InvitationsView>({ status: 'loading', error: null, invitations: [] }, () => {
    if (store.hasListeners) start();
    else end();
  });

  function start(): void {
    if (stop) return;
    stop = connection.listen({
      frame: ({ type }) => type === 'invitation' && void load(),
      began: () => void load(),
    });
    connection.startOnce();
    void load();
  }

  function end(): void {
    stop?.();
    stop = undefined;
    heard += 1;
    clearTimeout(timer);
  }

  async function load(): Promise<void> {
    heard += 1;
    const asked = heard;
    try {
      await connection.begun;
      const invitations = await persist(() => run<Invitation[]>(client, INVITATIONS, {}), patience);
      if (asked !== heard) return;
      store.set({ status: 'ready', error: null, invitations });
      clearTimeout(timer);
      const ends = invitations.map(({ expiresAt }) => Date.parse(expiresAt) - Date.now());
      if (ends.length > 0) timer = setTimeout(load, Math.min(Math.max(Math.min(...ends), 0) + 1000, MAX_TIMER_MS));
    } catch (cause) {
      const error = asChatError(cause);
      if (asked === heard && error.code !== 'CLOSED') store.set({ ...store.get(), status: 'failed', error });
    }
  }

  return {
    get: store.get,
    subscribe: store.subscribe,
    [Symbol.asyncIterator]: () => store[Symbol.asyncIterator](),
    ready: () => whenReady(store),
  };
}

/** Accepts an invitation by its id, or by the `code` of a link. Resolves to the id of the chat. @throws ChatError */
export async function acceptInvitation(client: Runner, by: { id: string } | { code: string }): Promise<string> {
  return (await run<{ chat: { id: string } }>(client, ACCEPT, by)).chat.id;
}

/** Resolves to false when it had ended already. @throws ChatError */
export function declineInvitation(client: Runner, id: string): Promise<boolean> {
  return run(client, DECLINE, { id });
}

/** Invites a user to a chat. @throws ChatError */
export function invite(client: Runner, chatId: string, userId: string): Promise<Invitation> {
  return run(client, INVITE, { chatId, userId });
}

export interface LinkOptions {
  role?: ChatRole;
  /** Within the next 30 days, in the form of `toISOString()`. By default in 7 days. */
  expiresAt?: string;
  /** How many may join by it. By default as many as come. */
  maxUses?: number;
}

/** Makes a link, whose `code` people accept. It is shown once. @throws ChatError */
export function createInviteLink(client: Runner, chatId: string, options: LinkOptions = {}): Promise<InviteLink> {
  return run(client, CREATE_LINK, { chatId, ...options });
}

/** The links of a chat, without their codes. @throws ChatError */
export function listInviteLinks(client: Runner, chatId: string): Promise<InviteLink[]> {
  return run(client, LINKS, { chatId });
}

/** Ends an invitation or a link. Resolves to false when it had ended already. @throws ChatError */
export function revokeInvitation(client: Runner, id: string): Promise<boolean> {
  return run(client, REVOKE, { id });
}
