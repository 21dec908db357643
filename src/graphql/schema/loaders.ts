import { RequestCache } from '@pothos/plugin-scope-auth';
import DataLoader from 'dataloader';
import { usersMetIn } from '../../domain/chats/acquaintances.js';
import type { Member, MemberLists, MemberPage } from '../../domain/chats/member-lists.js';
import type { Standing } from '../../domain/chats/standings.js';
import { badInput, chatNotFound } from '../../domain/errors.js';
import type { ChatHead, ChatLog, MessageRange } from '../../domain/log/chat-log.js';
import type { ChatMessage, PlainMessage } from '../../domain/log/chat-message.js';
import type { MessagePages } from '../../domain/messages/message-pages.js';
import type { ReactionPlace, Reactions, ReactorPage } from '../../domain/messages/reactions.js';
import type { ChatState } from '../../domain/mine/chat-states.js';
import type { UserProfile } from '../../domain/profile.js';
import { PROFILE_FIELDS, toProfile } from '../../domain/profile.js';
import { isUuid } from '../../domain/text.js';
import type { Caller } from '../caller.js';
import { ChatAccess } from './chat-access.js';
import type { GraphqlContext } from './context.js';
import { ReaderLoaders } from './reader-loaders.js';
import { ThreadLoaders } from './thread-loaders.js';

/** A user's fields that only the user and admins may read. */
export interface PrivateFields {
  email: string | null;
  isActive: boolean;
  externalId: string | null;
}

interface MessageTarget {
  chatId: string;
  id: string;
}

interface ReactorPages {
  loader: DataLoader<ReactionPlace, UserProfile[]>;
  maxRows: number;
}

/** As many as the longest page has. */
const MAX_MESSAGES_AT_ONCE = 100;
/** Counted by one statement. */
const MAX_STATES_AT_ONCE = 100;

/** Batches the reads of an operation's resolvers into one query per kind. */
export class Loaders {
  readonly access: ChatAccess;
  readonly profiles: DataLoader<string, UserProfile | null>;
  /** The same, as far as the viewer's token is narrowed to chats: null for somebody whom it meets in none of them. */
  readonly profilesInReach: DataLoader<string, UserProfile | null>;
  readonly privateFields: DataLoader<string, PrivateFields | null>;
  /** The newest message of a chat; null when it has none. Rejects with `NOT_FOUND` when the viewer may not reach the chat. */
  readonly lastMessages: DataLoader<string, ChatMessage | null>;

  /** Messages by chat and number; null for a number that is not a message's. Callers check access to the chat. */
  private readonly messagesAt: DataLoader<string, ChatMessage | null>;

  private readonly messagesById: DataLoader<MessageTarget, ChatMessage | null, string>;

  /** Who the viewer is in a chat; undefined when there is no such chat. */
  readonly standings: DataLoader<string, Standing | undefined>;

  /** Whether the viewer has reacted so. */
  readonly myReactions: DataLoader<ReactionPlace, boolean, string>;
  readonly threads: ThreadLoaders;
  readonly readers: ReaderLoaders;

  /** What the chat is to the viewer; null for no member. */
  readonly chatStates: DataLoader<string, ChatState | null>;

  private readonly caller: Caller;
  private readonly chatLog: ChatLog;
  private readonly memberLists: MemberLists;
  private readonly messagePages: MessagePages;
  private readonly reactions: Reactions;
  private readonly reactorPages = new Map<string, ReactorPages>();
  private readonly memberPages = new Map<string, { loader: DataLoader<string, Member[]>; maxRows: number }>();

  constructor({ services, db, caller, budget }: GraphqlContext) {
    this.access = new ChatAccess(services.chats, caller.viewer);
    this.profiles = byId(async (ids) => {
      const rows = await db.prisma.user.findMany({ where: { id: { in: ids } }, select: PROFILE_FIELDS });
      return rows.map(toProfile);
    });
    this.profilesInReach = new DataLoader(async (ids) => {
      const { viewer } = caller;
      const met = viewer?.chats && (await usersMetIn(db, viewer.user?.id ?? '', ids, viewer.chats));
      return Promise.all(ids.map((id) => (met?.has(id) === false ? null : this.profiles.load(id))));
    });
    this.privateFields = byId((ids) =>
      db.prisma.user.findMany({
        where: { id: { in: ids } },
        select: { id: true, email: true, isActive: true, externalId: true },
      }),
    );
    this.lastMessages = new DataLoader((chatIds) => readLastMessages(services.chatLog, this.access, chatIds));
    // In parts: what one part read is charged before the next is read.
    this.messagesAt = new DataLoader(
      async (places) => {
        // Here and not around each call, which would make a batch of one of each.
        const read = await budget.read(() => services.chatLog.messagesAt(places.map(placeOf)));
        return read ?? places.map(() => null);
      },
      { maxBatchSize: MAX_MESSAGES_AT_ONCE },
    );
    this.threads = new ThreadLoaders(services.threads, budget, caller.viewer?.user?.id);
    this.messagesById = new DataLoader((wanted) => services.chatLog.messagesById(wanted), { cacheKeyFn: keyOf });
    this.myReactions = new DataLoader(
      async (places) => {
        const userId = caller.viewer?.user?.id;
        return userId === undefined ? places.map(() => false) : services.reactions.mine(userId, places);
      },
      { cacheKeyFn: ({ chatId, seq, emoji }) => `${chatId} ${seq} ${emoji}` },
    );
    this.readers = new ReaderLoaders(services.readers, budget);
    this.chatStates = new DataLoader(
      async (chatIds) => {
        const userId = caller.viewer?.user?.id;
        const states =
          userId === undefined ? [] : ((await budget.read(() => services.chatStates.of(userId, chatIds))) ?? []);
        const byChat = new Map(states.map((state) => [state.chatId, state]));
        return chatIds.map((id) => byChat.get(id) ?? null);
      },
      { maxBatchSize: MAX_STATES_AT_ONCE },
    );
    this.reactions = services.reactions;
    this.caller = caller;
    this.chatLog = services.chatLog;
    this.memberLists = services.memberLists;
    this.standings = new DataLoader((chatIds) => services.chats.standingsOf(caller.viewer, chatIds));
    this.messagePages = services.messagePages;
  }

  /**
   * The newest messages of a range. Checks access in the same statement when this operation has not checked it yet.
   * @throws DomainError `NOT_FOUND` when the chat does not exist or the viewer may not reach it.
   */
  async messages(chatId: string, range: MessageRange, wanted: { senders: boolean }): Promise<PlainMessage[]> {
    if (this.access.isChecked(chatId)) return this.messagesUpTo(await this.access.enter(chatId), range);
    const reading = this.messagePages.read(this.caller.viewer, chatId, range, wanted);
    const head = await this.access.enterWith(
      chatId,
      reading.then((read) => read?.head),
    );
    const page = await reading;
    if (!head || !page) throw chatNotFound();
    // Another field may have been granted access with another head in the meantime: the messages must be of that head's moment.
    return page.head.seq === head.seq ? page.messages : this.messagesUpTo(head, range);
  }

  /**
   * The newest replies of a range in the thread of a message.
   * @throws DomainError `NOT_FOUND` as `messages`; `BAD_USER_INPUT`, field `thread`, when the chat has no such message
   */
  async replies(chatId: string, thread: string, range: MessageRange): Promise<ChatMessage[]> {
    const head = await this.access.enter(chatId);
    const rootSeq = await this.chatLog.seqOf(head.chatId, thread);
    if (rootSeq === undefined) throw badInput('thread', 'thread must be the id of a message of this chat.');
    return this.chatLog.replies(head.chatId, rootSeq, upTo(head, range));
  }

  /** The message with this number; null when there is none. The caller has checked access to the chat. */
  messageAt(chatId: string, seq: number): Promise<ChatMessage | null> {
    return this.messagesAt.load(`${chatId} ${seq}`);
  }

  /** The message with this id; null when the chat has none, or the viewer may not reach the chat. */
  async messageById(chatId: string, id: string): Promise<ChatMessage | null> {
    const head = isUuid(id) ? await this.access.find(chatId) : undefined;
    const message = head && (await this.messagesById.load({ chatId: head.chatId, id }));
    // What was sent after the access check is beyond it.
    return message && message.seq <= head.seq ? message : null;
  }

  private messagesUpTo(head: ChatHead, range: MessageRange): Promise<ChatMessage[]> {
    return this.chatLog.messages(head.chatId, upTo(head, range));
  }

  /** A page of the users who reacted so, batched with the same page of other reactions. `maxRows` as of `members`. */
  reactors(place: ReactionPlace, page: ReactorPage, maxRows: number): Promise<UserProfile[]> {
    const key = `${page.first} ${page.after}`;
    let pages = this.reactorPages.get(key);
    if (!pages) {
      const made: ReactorPages = {
        loader: new DataLoader<ReactionPlace, UserProfile[]>((places) => read(places)),
        maxRows,
      };
      const read = (places: readonly ReactionPlace[]) => this.reactions.users(places, page, made.maxRows);
      pages = made;
      this.reactorPages.set(key, made);
    }
    pages.maxRows = Math.max(pages.maxRows, maxRows);
    return pages.loader.load(place);
  }

  /**
   * A page of a chat's members, batched with the same page of other chats. The caller has checked access. At most `maxRows` members
   * are read for all chats of the batch: more would exceed the operation's budget.
   */
  members(chatId: string, page: MemberPage, maxRows: number): Promise<Member[]> {
    const key = `${page.first} ${page.after}`;
    let pages = this.memberPages.get(key);
    if (!pages) {
      const made = { loader: new DataLoader<string, Member[]>((ids) => readAll(ids)), maxRows };
      const readAll = async (ids: readonly string[]) => {
        const members = await this.memberLists.list(ids, page, made.maxRows);
        return ids.map((id) => members.get(id) ?? []);
      };
      pages = made;
      this.memberPages.set(key, made);
    }
    pages.maxRows = Math.max(pages.maxRows, maxRows);
    return pages.loader.load(chatId);
  }
}

const loadersOf = new WeakMap<object, Loaders>();

export function loaders(context: GraphqlContext): Loaders {
  let found = loadersOf.get(context);
  if (!found) {
    found = new Loaders(context);
    loadersOf.set(context, found);
  }
  return found;
}

/**
 * Clears what the operation has read and which access it was granted: before the next field of a mutation or event of a
 * subscription, and after the operation. The WeakMap alone would free it too late: V8's young-generation collections treat the
 * values of a WeakMap as alive, so everything that the operation read would be promoted to the old generation.
 */
export function forget(context: object): void {
  loadersOf.delete(context);
  RequestCache.clearForContext(context);
}

function keyOf({ chatId, id }: MessageTarget): string {
  return `${chatId} ${id}`;
}

/** The part of the range that is not beyond the head. */
function upTo({ seq }: ChatHead, { before = seq + 1, ...range }: MessageRange): MessageRange {
  return { ...range, before: Math.min(before, seq + 1) };
}

function placeOf(key: string): { chatId: string; seq: number } {
  const [chatId = '', seq] = key.split(' ');
  return { chatId, seq: Number(seq) };
}

function byId<Row extends { id: string }>(read: (ids: string[]) => Promise<Row[]>): DataLoader<string, Row | null> {
  return new DataLoader(async (ids) => {
    const rows = new Map((await read([...ids])).map((row) => [row.id, row]));
    return ids.map((id) => rows.get(id) ?? null);
  });
}

/** Returns no message beyond the head of the access check: the viewer may have been removed before it was sent. */
async function readLastMessages(log: ChatLog, access: ChatAccess, chatIds: readonly string[]) {
  const heads = await Promise.all(chatIds.map((id) => access.enter(id)));
  const newest = await log.lastMessages(chatIds);
  return Promise.all(
    heads.map(async ({ chatId, seq }) => {
      const message = newest.get(chatId) ?? null;
      if (message === null || message.seq <= seq) return message;
      const [before] = await log.messages(chatId, { before: seq + 1, last: 1 });
      return before ?? null;
    }),
  );
}
