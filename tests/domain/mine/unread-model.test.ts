import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type MineServices, mineServices } from '../../../src/domain/mine/services.js';
import type { UserProfile } from '../../../src/domain/profile.js';
import type { Viewer } from '../../../src/domain/viewer.js';
import { assertProperty } from '../../support/property.js';
import { recount } from '../../support/recount.js';
import { startOwnServices } from '../../support/services.js';

/** `UNREAD_HISTORIES=10000 npx vitest run tests/domain/mine/unread-model` runs so many. */
const HISTORIES = Number(process.env.UNREAD_HISTORIES ?? 1000);
/** Histories that run at the same time, each in a chat of its own. */
const AT_ONCE = 100;
const DEVICES = 3;

type Who = 0 | 1 | 2;

/** A place in what the chat has: 0 is the first, 999 the last. */
type Share = number;

type Command =
  | { do: 'send'; by: Who; root: Share | null; also: boolean; names: Who[]; all: boolean }
  | { do: 'delete'; of: Share }
  | { do: 'edit'; of: Share; names: Who[] }
  | { do: 'leave-or-join'; who: Who }
  | { do: 'mark'; who: Who; root: Share | null; at: Share[] }
  | { do: 'unread'; who: Who; from: Share }
  | { do: 'all'; who: Who }
  | { do: 'follow'; who: Who; root: Share; follow: boolean };

const who = fc.constantFrom<Who>(0, 1, 2);
const share = fc.nat(999);
const names = fc.uniqueArray(who, { maxLength: 2 });
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      ...{ do: fc.constant('send' as const), by: who, root: fc.option(share), also: fc.boolean() },
      ...{ names: fc.oneof({ weight: 2, arbitrary: fc.constant<Who[]>([]) }, names), all: fc.boolean() },
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), of: share }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('edit' as const), of: share, names }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('leave-or-join' as const), who }) },
  {
    weight: 3,
    arbitrary: fc.record({
      ...{ do: fc.constant('mark' as const), who, root: fc.option(share) },
      at: fc.array(share, { minLength: DEVICES, maxLength: DEVICES }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('unread' as const), who, from: share }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('all' as const), who }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('follow' as const), who, root: share, follow: fc.boolean() }) },
);
const history = fc.array(command, { minLength: 1, maxLength: 14 });

let services: Awaited<ReturnType<typeof startOwnServices>>;
let users: UserProfile[];
let viewers: Viewer[];
/** Each a process of its own. */
let devices: MineServices[];

beforeAll(async () => {
  services = await startOwnServices();
  users = [await services.newUser(), await services.newUser(), await services.newUser()];
  viewers = await Promise.all(users.map((user) => services.newViewer(user)));
  const quiet = { stateChanged: () => {}, read: () => {} };
  devices = Array.from({ length: DEVICES }, () => mineServices(services.db, quiet, { markerIntervalMs: 0 }).mine);
});

afterAll(() => services.close());

const CHATS = `INSERT INTO chats (id, name, name_key, epoch)
  SELECT gen_random_uuid(), name, name, 'e' FROM (SELECT 'chat ' || gen_random_uuid() AS name FROM generate_series(1, $1)) named RETURNING id`;
const MEMBERS = `SELECT a.outcome FROM unnest($1::uuid[]) c (id), unnest($2::uuid[]) u (id), add_chat_member(c.id, u.id, NULL) a`;
/** The first is an owner, who mentions everybody and deletes what others sent. */
const OWNERS = `UPDATE chat_memberships SET role = 'owner' WHERE chat_id = ANY ($1) AND user_id = $2`;

async function newChats(count: number): Promise<string[]> {
  const { pool } = services.db;
  const { rows } = await pool.query<{ id: string }>(CHATS, [count]);
  const ids = rows.map(({ id }) => id);
  await pool.query(MEMBERS, [ids, users.map(({ id }) => id)]);
  await pool.query(OWNERS, [ids, users[0]?.id]);
  return ids;
}

interface Sent {
  id: string;
  by: Who;
  isRoot: boolean;
  isReply: boolean;
  isDeleted: boolean;
}

/** Runs histories, and knows of each where the markers of the main timeline must be. */
class Talk {
  readonly markers = [0, 0, 0];
  private readonly sent: Sent[] = [];
  private readonly isMember = [true, true, true];

  constructor(readonly chatId: string) {}

  async run(command: Command): Promise<void> {
    switch (command.do) {
      case 'send':
        return this.send(command);
      case 'delete':
        return this.delete(command.of);
      case 'edit':
        return this.edit(command.of, command.names);
      case 'leave-or-join':
        return this.leaveOrJoin(command.who);
      case 'mark':
        return this.mark(command.who, command.root, command.at);
      case 'unread':
        return this.markUnread(command.who, command.from);
      case 'all':
        return this.markAll(command.who);
      case 'follow':
        return this.follow(command.who, command.root, command.follow);
    }
  }

  private async send({ by, root, also, names, all }: Extract<Command, { do: 'send' }>): Promise<void> {
    if (!this.isMember[by]) return;
    const roots = this.sent.filter(({ isReply, isDeleted }) => !isReply && !isDeleted);
    const thread = root === null ? undefined : at(roots, root);
    const { id } = await services.messages.send(viewerOf(by), {
      ...{ chatId: this.chatId, content: 'x', thread: thread?.id, alsoInChat: also && thread !== undefined },
      ...{ mentions: this.idsOf(names), mentionAll: all && by === 0 },
    });
    if (thread) thread.isRoot = true;
    this.sent.push({ id, by, isRoot: false, isReply: thread !== undefined, isDeleted: false });
  }

  private async delete(of: Share): Promise<void> {
    const message = at(this.sent, of);
    if (!message) return;
    await services.messageChanges.delete(viewerOf(0), { chatId: this.chatId, messageId: message.id });
    message.isDeleted = true;
  }

  private async edit(of: Share, names: Who[]): Promise<void> {
    const message = at(
      this.sent.filter(({ by, isDeleted }) => !isDeleted && this.isMember[by]),
      of,
    );
    if (!message) return;
    const mentions = this.idsOf(names);
    await services.messageChanges.edit(viewerOf(message.by), {
      ...{ chatId: this.chatId, messageId: message.id, content: 'x', mentions },
    });
  }

  private async leaveOrJoin(who: Who): Promise<void> {
    if (who === 0) return;
    const change = this.isMember[who] ? 'remove' : 'add';
    await services.memberships[change](null, this.chatId, userOf(who).id);
    this.isMember[who] = change === 'add';
  }

  private async mark(who: Who, root: Share | null, shares: Share[]): Promise<void> {
    if (!this.isMember[who]) return;
    const head = await this.head();
    const thread = root === null ? undefined : this.threadAt(root);
    const seqs = shares.map((share) => Math.round((share / 999) * head));
    await Promise.all(
      seqs.map((seq, index) =>
        devices[index]?.markers.move(viewerOf(who), { chatId: this.chatId, seq, thread: thread?.id }),
      ),
    );
    if (!thread) this.markers[who] = Math.max(this.markers[who] ?? 0, ...seqs);
  }

  private async markUnread(who: Who, from: Share): Promise<void> {
    if (!this.isMember[who]) return;
    const fromSeq = 1 + Math.floor((from / 1000) * (await this.head()));
    await services.markers.markUnread(viewerOf(who), this.chatId, fromSeq);
    this.markers[who] = Math.min(this.markers[who] ?? 0, fromSeq - 1);
  }

  private async markAll(who: Who): Promise<void> {
    if (!this.isMember[who]) return;
    await services.markers.markAllRead(viewerOf(who), [this.chatId]);
    this.markers[who] = await this.head();
  }

  private async follow(who: Who, root: Share, follow: boolean): Promise<void> {
    const thread = this.threadAt(root);
    if (!thread || !this.isMember[who]) return;
    await services.threads.follow(viewerOf(who), this.chatId, thread.id, follow);
  }

  private threadAt(root: Share): Sent | undefined {
    return at(
      this.sent.filter(({ isRoot }) => isRoot),
      root,
    );
  }

  private idsOf(names: readonly Who[]): string[] {
    return names.filter((name) => this.isMember[name]).map((name) => userOf(name).id);
  }

  private async head(): Promise<number> {
    const { rows } = await services.db.pool.query<{ head: number }>(
      'SELECT last_seq AS head FROM chats WHERE id = $1',
      [this.chatId],
    );
    return rows[0]?.head ?? Number.NaN;
  }
}

function at<Item>(items: readonly Item[], share: Share): Item | undefined {
  return items[Math.floor((share / 1000) * items.length)];
}

function viewerOf(who: Who): Viewer {
  const viewer = viewers[who];
  if (!viewer) throw new Error(`There is no viewer ${who}.`);
  return viewer;
}

function userOf(who: Who): UserProfile {
  const user = users[who];
  if (!user) throw new Error(`There is no user ${who}.`);
  return user;
}

it(`every count of every member is what a naive recount gives, over ${HISTORIES} random histories`, async () => {
  const seen = { unread: 0, mentions: 0, threads: 0, read: 0 };
  await assertProperty(
    fc.asyncProperty(fc.array(history, { minLength: AT_ONCE, maxLength: AT_ONCE }), async (histories) => {
      const chatIds = await newChats(histories.length);
      const talks = chatIds.map((id) => new Talk(id));
      await Promise.all(
        talks.map(async (talk, index) => {
          for (const each of histories[index] ?? []) await talk.run(each);
        }),
      );
      const counted = await recount(services.db.pool, chatIds);
      for (const [index, user] of users.entries()) {
        const states = await services.chatStates.of(user.id, chatIds);
        const byChat = new Map(states.map((state) => [state.chatId, state]));
        for (const [place, { chatId, markers }] of talks.entries()) {
          const state = byChat.get(chatId);
          const expected = counted(user.id, chatId);
          const shown = state && { readSeq: state.readSeq, ...state.unread };
          expect(shown, `user ${index} after ${JSON.stringify(histories[place])}`).toEqual(expected);
          if (!state) continue;
          expect(state.readSeq, `user ${index} after ${JSON.stringify(histories[place])}`).toBe(markers[index]);
          seen.unread += state.unread.messages;
          seen.mentions += state.unread.mentions;
          seen.threads += state.unread.threads;
          seen.read += state.readSeq;
        }
      }
    }),
    { numRuns: Math.ceil(HISTORIES / AT_ONCE), endOnFailure: true },
  );
  // The histories have something of everything.
  for (const [what, count] of Object.entries(seen)) expect(count, what).toBeGreaterThan(HISTORIES / 20);
}, 300_000);
