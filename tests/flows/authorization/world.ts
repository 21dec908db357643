import { type Client, createClient } from 'graphql-ws';
import { vi } from 'vitest';
import WebSocket from 'ws';
import { formatPosition } from '../../../src/domain/mine/inbox-position.js';
import type { UserProfile } from '../../../src/domain/profile.js';
import { toProfile } from '../../../src/domain/profile.js';
import type { ChatSignal } from '../../../src/domain/signals.js';
import type { Scope } from '../../../src/domain/viewer.js';
import { StreamRefused } from '../../support/frame-queue.js';
import { startTeam } from '../../support/service.js';
import { PASSWORD, viewerOf } from '../../support/services.js';

export const CALLERS = ['anonymous', 'expired', 'stranger', 'former', 'member', 'admin', 'readOnly'] as const;
export type Caller = (typeof CALLERS)[number];
/** `ok`, `null` (may ask, and there is nothing for them), or the code of the error. */
export type Answers = Record<Caller, string>;

export interface WorldOptions {
  /** The member is a program. */
  memberIsBot?: boolean;
  /** The member's tokens are narrowed to the chat, or to another one that the member is in. */
  narrowedTo?: 'the chat' | 'another chat';
}

/** A whole service with somebody of every kind, and a chat whose history has every kind of event. */
export async function startWorld({ memberIsBot = false, narrowedTo }: WorldOptions = {}) {
  const team = await startTeam();
  const { services, db } = team.first.app;
  let acquired = 0;
  db.pool.on('acquire', () => {
    acquired += 1;
  });
  const newUser = (username: string) =>
    services.users.create({ username, password: PASSWORD, email: `${username}@example.org`, externalId: username });
  const [member, stranger, former] = [await newUser('member'), await newUser('stranger'), await newUser('former')];
  if (memberIsBot)
    await db.pool.query("UPDATE users SET kind = 'bot', password_hash = NULL WHERE id = $1", [member.id]);
  const robot = await services.bots.forService('robot', undefined);
  const friend = await newUser('friend');
  const admin = await db.prisma.user.findUniqueOrThrow({ where: { username: 'admin' } });
  const chat = await services.chats.create('general', undefined, { externalId: 'general' });
  for (const { id } of [member, former]) await services.memberships.add(null, chat.id, id);
  // Everybody's inbox has something to tell from the beginning.
  const left = await services.chats.create('left');
  for (const { id } of [member, stranger, former, admin]) {
    await services.memberships.add(null, left.id, id);
    await services.memberships.remove(null, left.id, id);
  }
  const another = await services.chats.create('another');
  if (narrowedTo === 'another chat') await services.memberships.add(null, another.id, member.id);
  await services.chats.create('open', undefined, { visibility: 'public', topic: 'Everybody' });
  const ended = await services.chats.create('ended');
  await services.memberships.add(null, ended.id, member.id);
  const now = await services.inbox.now(member.id);
  const beginning = { ...now, statesBelow: 0, levels: [{ idBelow: null, below: 0 }] };
  const message = { chatId: chat.id, content: 'hi', nonce: 'n' };
  const { id: messageId } = await services.messages.send(viewerOf(toProfile(member)), message);
  await services.memberships.setRole(null, chat.id, member.id, 'moderator');
  await services.memberships.setRole(null, chat.id, member.id, 'member');
  await services.memberships.remove(null, chat.id, former.id);
  await services.reactions.add(viewerOf(toProfile(member)), { chatId: chat.id, messageId, emoji: '👍' });
  await vi.waitFor(async () => {
    const [shown] = await services.chatLog.messages(chat.id, { last: 1 });
    if (!shown?.extras) throw new Error('The reaction has no summary yet.');
  });
  const reply = { chatId: chat.id, content: 're', thread: messageId, mentions: [member.id] };
  await services.messages.send(viewerOf(toProfile(member)), reply);

  const issue = async (
    user: Pick<UserProfile, 'id'>,
    scopes: Scope[] = ['read', 'write'],
    chatIds?: string[],
  ): Promise<string> => {
    const issued = await services.tokens.issue({
      chatIds,
      clientId: team.credentials.client_id,
      userId: user.id,
      scopes,
      withRefreshToken: false,
    });
    if (!issued) throw new Error('No token was issued.');
    return issued.accessToken;
  };
  const signIn = async (user: Pick<UserProfile, 'id'>) => {
    const viewer = await services.tokens.authenticate(await issue(user));
    if (!viewer) throw new Error('No viewer was authenticated.');
    return viewer;
  };
  const [sender, pinner] = [await signIn(member), await signIn(admin)];
  const say = async () => {
    const { id } = await services.messages.send(sender, { chatId: chat.id, content: 'hello' });
    return { chatId: chat.id, messageId: id };
  };
  const [edited, deleted] = [await say(), await say()];
  await services.messageChanges.edit(sender, { ...edited, content: 'edited' });
  const banned = await services.users.create({ username: 'banned', password: PASSWORD });
  const until = new Date('9000-01-01T00:00:00Z');
  await services.bans.ban(pinner, { chatId: chat.id, userId: banned.id, until, reason: 'spam' });
  await services.mutes.mute(pinner, chat.id, member.id, null);
  await services.mutes.unmute(pinner, chat.id, member.id);
  await services.messageChanges.pin(pinner, edited);
  await services.messageChanges.pin(pinner, deleted);
  await services.messageChanges.unpin(pinner, deleted);
  await services.messageChanges.delete(sender, deleted);
  await services.memberships.add(null, chat.id, robot);
  await services.incomingHooks.create(pinner, chat.id, robot);

  await services.chatChanges.update(pinner, chat.id, { topic: 'news' });
  await services.chatChanges.delete(pinner, ended.id);

  const invited = await services.chats.create('invited');
  for (const { id } of [member, stranger, former, admin]) await services.invitations.invite(pinner, invited.id, id);
  const newLink = (chatId: string) => services.inviteLinks.create(pinner, { chatId, maxUses: 1000 });
  const [joining, revoked] = [await newLink(invited.id), await newLink(chat.id)];
  await newLink(chat.id);

  const report = async (reason: 'spam' | 'abuse') =>
    services.reports.report(sender, { ...(await say()), reason, note: 'look' });
  const [, resolvable] = [await report('spam'), await report('abuse')];

  const expired = await issue(member);
  await db.pool.query("UPDATE access_tokens SET expires_at = now() - interval '1 second'");
  const chatIds = narrowedTo && (narrowedTo === 'the chat' ? [chat.id, ended.id] : [another.id]);
  const tokens: Record<Caller, string | null> = {
    anonymous: null,
    expired,
    stranger: await issue(stranger),
    former: await issue(former),
    member: await issue(member, ['read', 'write'], chatIds),
    admin: await issue(admin),
    readOnly: await issue(member, ['read'], chatIds),
  };

  const sockets = new Map<Caller, Client>();
  const socketOf = (caller: Caller): Client => {
    const known = sockets.get(caller);
    if (known) return known;
    const token = tokens[caller];
    const socket = createClient({
      url: `${team.first.wsOrigin}/graphql/`,
      webSocketImpl: WebSocket,
      ...(token !== null && { connectionParams: { authorization: `Bearer ${token}` } }),
      retryAttempts: 0,
    });
    sockets.set(caller, socket);
    return socket;
  };
  const speak = () =>
    services.messages.send(viewerOf(toProfile(member)), { chatId: chat.id, content: 'news', nonce: undefined });

  return {
    ids: {
      ...{ chat: chat.id, epoch: chat.epoch, member: member.id, stranger: stranger.id },
      friend: friend.id,
      ...{ code: joining.code ?? '', link: revoked.id, report: resolvable.id },
      robot,
      ...{ ended: ended.id, endedEpoch: ended.epoch },
      beginning: formatPosition(beginning),
      everybody: JSON.stringify([member.id, stranger.id, former.id, admin.id]),
      ...{ first: messageId, edited: edited.messageId, deleted: deleted.messageId, root: messageId },
    },
    tokens,

    query: (caller: Caller, query: string) => team.first.query(tokens[caller], query),

    /** Opens a stream of a chat. @throws StreamRefused */
    async open(caller: Caller, transport: 'channel' | 'events', chat: string): Promise<void> {
      const stream = await team.first[transport](tokens[caller], chat);
      await stream.close();
    },

    /** How many statements the service has sent to its database. */
    statements: () => acquired,

    async overHttp(caller: Caller, query: string): Promise<string> {
      const { data, codes } = await team.first.query(tokens[caller], query);
      return describeAnswer(data, codes);
    },

    /** The answer to a query or a mutation, the first event of a subscription, or how it ended. */
    async overSocket(caller: Caller, query: string): Promise<string> {
      const answers = socketOf(caller).iterate({ query });
      let isDone = false;
      const answer = answers.next().then(
        ({ value }) => describeAnswer(value?.data, (value?.errors ?? []).map(codeOf)),
        (error: unknown) => describeAnswer(null, Array.isArray(error) ? error.map(codeOf) : [closeOf(error)]),
      );
      const settled = answer.finally(() => {
        isDone = true;
      });
      // Something to hear for who listens.
      if (query.startsWith('subscription')) {
        while (!isDone) {
          services.signals.publish(chat.id, signalFor(query, toProfile(former), messageId));
          await speak();
        }
      }
      await settled;
      await answers.return?.();
      return answer;
    },

    /** What becomes of a raw channel, of a message that is sent on it, and whether the others' messages arrive. */
    async overRaw(caller: Caller): Promise<{ open: string; send: string; receive: string }> {
      try {
        const channel = await team.first.channel(tokens[caller], 'general');
        await channel.next('live');
        await speak();
        const event = await channel.next('message.created');
        channel.send({ type: 'message.send', id: 'c', content: 'hi' });
        const isAnswer = ({ type }: { type: string }) => type === 'ack' || type === 'error';
        let answer = await channel.next();
        while (!isAnswer(answer)) answer = await channel.next();
        await channel.close();
        return { open: 'ok', receive: event.type, send: answer.type === 'ack' ? 'ok' : String(answer.code) };
      } catch (error) {
        if (!(error instanceof StreamRefused)) throw error;
        return { open: String(error.status), send: 'closed', receive: 'closed' };
      }
    },

    /** What becomes of an event stream, and whether the others' messages arrive. */
    async overEvents(caller: Caller): Promise<{ open: string; receive: string }> {
      try {
        const stream = await team.first.events(tokens[caller], 'general');
        await stream.next('live');
        await speak();
        const event = await stream.next('message.created');
        await stream.close();
        return { open: 'ok', receive: event.type };
      } catch (error) {
        if (!(error instanceof StreamRefused)) throw error;
        return { open: String(error.status), receive: 'closed' };
      }
    },

    async close() {
      for (const socket of sockets.values()) await socket.dispose();
      await team.close();
    },
  };
}

/** The signal that a subscription asks for: that this user has read the chat's first number, or types in this thread. */
export function signalFor(query: string, user: UserProfile, thread: string): ChatSignal {
  if (query.includes('ReceiptSignal')) return { type: 'receipts', reads: [{ userId: user.id, seq: 1 }] };
  return { type: 'typing', user, thread };
}

export type World = Awaited<ReturnType<typeof startWorld>>;

/** `ok` when the answer holds anything, `null` when it holds nothing but nulls and empty lists; otherwise the codes of its errors. */
export function describeAnswer(data: unknown, codes: unknown[]): string {
  if (codes.length > 0) return [...new Set(codes)].join();
  return holdsAnything(data) ? 'ok' : 'null';
}

function holdsAnything(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return value !== null && value !== undefined;
  return Object.values(value).some(holdsAnything);
}

function codeOf({ extensions }: { extensions?: { code?: unknown } }): unknown {
  return extensions?.code;
}

function closeOf(error: unknown): unknown {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : error;
  return code === 4401 ? 'UNAUTHENTICATED' : code;
}
