import { RequestCache } from '@pothos/plugin-scope-auth';
import DataLoader from 'dataloader';
import type { ChatMessage, PlainMessage } from '../domain/chat-events.js';
import type { ChatHead, ChatLog, MessageRange } from '../domain/chat-log.js';
import { chatNotFound } from '../domain/errors.js';
import type { Member, MemberPage, Memberships } from '../domain/memberships.js';
import type { MessagePages } from '../domain/message-pages.js';
import { PROFILE_FIELDS, toProfile } from '../domain/users.js';
import type { UserProfile } from '../domain/viewer.js';
import { ChatAccess } from './chat-access.js';
import type { Caller, GraphqlContext } from './context.js';

/** What of a user only the user and admins may read. */
export interface PrivateFields {
  email: string | null;
  isActive: boolean;
}

/** Reads what resolvers ask for one by one in one query per kind. */
export class Loaders {
  readonly access: ChatAccess;
  readonly profiles: DataLoader<string, UserProfile | null>;
  readonly privateFields: DataLoader<string, PrivateFields | null>;
  /** The newest message of a chat that the viewer may reach; null for a chat without one. */
  readonly lastMessages: DataLoader<string, ChatMessage | null>;

  private readonly caller: Caller;
  private readonly chatLog: ChatLog;
  private readonly memberships: Memberships;
  private readonly messagePages: MessagePages;
  private readonly memberPages = new Map<string, DataLoader<string, Member[]>>();

  constructor({ services, db, caller }: GraphqlContext) {
    this.access = new ChatAccess(services.chats, caller.viewer);
    this.profiles = byId(async (ids) => {
      const rows = await db.prisma.user.findMany({ where: { id: { in: ids } }, select: PROFILE_FIELDS });
      return rows.map(toProfile);
    });
    this.privateFields = byId((ids) =>
      db.prisma.user.findMany({ where: { id: { in: ids } }, select: { id: true, email: true, isActive: true } }),
    );
    this.lastMessages = new DataLoader((chatIds) => readLastMessages(services.chatLog, this.access, chatIds));
    this.caller = caller;
    this.chatLog = services.chatLog;
    this.memberships = services.memberships;
    this.messagePages = services.messagePages;
  }

  /**
   * The newest messages of a range. Whoever has not been let into the chat yet is let in by the same statement.
   * @throws DomainError `NOT_FOUND`, the same for no chat and for a chat of others.
   */
  async messages(chatId: string, range: MessageRange, wanted: { senders: boolean }): Promise<PlainMessage[]> {
    if (this.access.isAsked(chatId)) return this.messagesUpTo(await this.access.enter(chatId), range);
    const reading = this.messagePages.read(this.caller.viewer, chatId, range, wanted);
    const head = await this.access.enterBy(
      chatId,
      reading.then((read) => read?.head),
    );
    const page = await reading;
    if (!head || !page) throw chatNotFound();
    // Another field may have let the viewer in meanwhile: its cursor is of another moment, and the messages have to be of the same.
    return page.head.seq === head.seq ? page.messages : this.messagesUpTo(head, range);
  }

  private messagesUpTo(
    { chatId, seq }: ChatHead,
    { before = seq + 1, ...range }: MessageRange,
  ): Promise<ChatMessage[]> {
    return this.chatLog.messages(chatId, { ...range, before: Math.min(before, seq + 1) });
  }

  /** A page of the members of a chat that the viewer may reach; the same page of other chats comes with it. */
  members(chatId: string, page: MemberPage): Promise<Member[]> {
    const key = `${page.first} ${page.after}`;
    let loader = this.memberPages.get(key);
    if (!loader) {
      loader = new DataLoader(async (ids) => {
        const members = await this.memberships.list(ids, page);
        return ids.map((id) => members.get(id) ?? []);
      });
      this.memberPages.set(key, loader);
    }
    return loader.load(chatId);
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
 * Forgets what was read and what was allowed: the next field of a mutation, the next event of a subscription, is a new look.
 * An operation that is over has to be forgotten too. A WeakMap would let it go by itself, but not before V8 cleans its old
 * generation: the collections of the young one take what is in a WeakMap for living and keep all that the operation read.
 */
export function forget(context: object): void {
  loadersOf.delete(context);
  RequestCache.clearForContext(context);
}

function byId<Row extends { id: string }>(read: (ids: string[]) => Promise<Row[]>): DataLoader<string, Row | null> {
  return new DataLoader(async (ids) => {
    const rows = new Map((await read([...ids])).map((row) => [row.id, row]));
    return ids.map((id) => rows.get(id) ?? null);
  });
}

/** No newer than the head that the viewer was let in at: what came after a removal is not for the removed. */
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
