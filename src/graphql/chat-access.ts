import DataLoader from 'dataloader';
import type { ChatHead } from '../domain/chat-log.js';
import type { Chats } from '../domain/chats.js';
import { type Cursor, formatCursor } from '../domain/cursor.js';
import { chatNotFound } from '../domain/errors.js';
import type { Viewer } from '../domain/viewer.js';

/**
 * The viewer's way into chats during one operation. The rule is asked once per chat, for all chats that come up together in
 * one query, and with its answer comes the head of the chat's history. That head bounds what the operation reads of the
 * log, so everything in one answer is of one moment: a cursor is never newer than the messages beside it.
 */
export class ChatAccess {
  private readonly heads = new Map<string, ChatHead>();
  private readonly entering = new Map<string, Promise<ChatHead | undefined>>();
  private readonly writtenTo = new Set<string>();
  private readonly readers = new Map<string, { chatReader: string }>();
  private readonly loader: DataLoader<string, ChatHead | undefined>;

  constructor(chats: Chats, viewer: Viewer | null) {
    this.loader = new DataLoader(async (ids) => {
      const reachable = await chats.reachable(viewer, ids);
      return ids.map((id) => reachable.get(id));
    });
  }

  /** Where the chat's history stood when the viewer was let in; undefined for no chat and for a chat of others. */
  async find(chatId: string): Promise<ChatHead | undefined> {
    const id = chatId.toLowerCase();
    return this.heads.get(id) ?? this.entering.get(id) ?? this.enterBy(id, this.loader.load(id));
  }

  /** Whether the rule has been asked for this chat; `find` knows the answer or waits for it. */
  isAsked(chatId: string): boolean {
    const id = chatId.toLowerCase();
    return this.heads.has(id) || this.entering.has(id);
  }

  /** Lets the viewer in by a reading of the head that asks the rule. Returns the head that bounds this operation. */
  enterBy(chatId: string, reading: Promise<ChatHead | undefined>): Promise<ChatHead | undefined> {
    const id = chatId.toLowerCase();
    const entering = reading.then((head) => (head ? this.grant(head) : this.heads.get(id)));
    this.entering.set(id, entering);
    return entering;
  }

  /** As `find`. @throws DomainError `NOT_FOUND`, the same for no chat and for a chat of others. */
  async enter(chatId: string): Promise<ChatHead> {
    const head = await this.find(chatId);
    if (!head) throw chatNotFound();
    return head;
  }

  /** The scope check of everything that belongs to a chat: true without a wait once the viewer has been let in. */
  check(chatId: string): true | Promise<true> {
    if (this.heads.has(chatId) || this.writtenTo.has(chatId)) return true;
    return this.enter(chatId).then(() => true as const);
  }

  /** What scope-auth asks of all that belongs to a chat: one map for each, whose answer it keeps. */
  reader(chatId: string): { chatReader: string } {
    let scopes = this.readers.get(chatId);
    if (!scopes) {
      scopes = { chatReader: chatId };
      this.readers.set(chatId, scopes);
    }
    return scopes;
  }

  /** The viewer has just written to this chat, and may read what was written, whatever has become of the membership since. */
  wroteTo(chatId: string): void {
    this.writtenTo.add(chatId);
  }

  /**
   * The viewer may reach this chat: whoever calls has just been told so. Returns the head that bounds this operation, which is
   * an older one when the viewer had been let in before.
   */
  grant(head: ChatHead): ChatHead {
    const known = this.heads.get(head.chatId);
    if (known) return known;
    this.heads.set(head.chatId, head);
    return head;
  }

  /** The older of a chat row's place in the history and of the head that bounds this operation. */
  cursor(chatId: string, row: Cursor): string {
    const head = this.heads.get(chatId);
    return formatCursor(head && head.epoch === row.epoch && head.seq < row.seq ? head : row);
  }
}
