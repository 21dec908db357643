import DataLoader from 'dataloader';
import type { Chats } from '../../domain/chats/chats.js';
import { chatNotFound } from '../../domain/errors.js';
import type { ChatHead } from '../../domain/log/chat-log.js';
import { type Cursor, formatCursor } from '../../domain/log/cursor.js';
import { requireViewer, type Viewer } from '../../domain/viewer.js';

/**
 * The viewer's access to chats during one operation. Access is checked once per chat, in one query for all chats requested together,
 * which also returns each chat's head. The operation reads no event beyond that head, so a response shows one moment: a
 * cursor is never newer than the messages beside it.
 */
export class ChatAccess {
  private readonly heads = new Map<string, ChatHead>();
  private readonly entering = new Map<string, Promise<ChatHead | undefined>>();
  private readonly writtenTo = new Set<string>();
  private readonly readers = new Map<string, { chatReader: string }>();
  private readonly loader: DataLoader<string, ChatHead | undefined>;

  constructor(
    private readonly chats: Chats,
    private readonly viewer: Viewer | null,
  ) {
    this.loader = new DataLoader(async (ids) => {
      const reachable = await chats.reachable(viewer, ids);
      return ids.map((id) => reachable.get(id));
    });
  }

  /** The chat's head when access was granted; undefined when the chat does not exist or the viewer may not reach it. */
  async find(chatId: string): Promise<ChatHead | undefined> {
    const id = chatId.toLowerCase();
    return this.heads.get(id) ?? this.entering.get(id) ?? this.enterWith(id, this.loader.load(id));
  }

  /** Whether access to this chat was checked already, or is being checked. */
  isChecked(chatId: string): boolean {
    const id = chatId.toLowerCase();
    return this.heads.has(id) || this.entering.has(id);
  }

  /** Uses a query that checks access and reads the head. Returns the head that bounds this operation. */
  enterWith(chatId: string, reading: Promise<ChatHead | undefined>): Promise<ChatHead | undefined> {
    const id = chatId.toLowerCase();
    const entering = reading.then((head) => (head ? this.grant(head) : this.heads.get(id)));
    this.entering.set(id, entering);
    return entering;
  }

  /** As `find`. @throws DomainError `NOT_FOUND` when the chat does not exist or the viewer may not reach it. */
  async enter(chatId: string): Promise<ChatHead> {
    const head = await this.find(chatId);
    if (!head) throw chatNotFound();
    return head;
  }

  /**
   * As `enter`, for the log from a cursor on: also of a deleted chat, for who could read it then.
   * @throws DomainError `NOT_FOUND`
   */
  async enterLog(chatId: string): Promise<ChatHead> {
    const head = await this.find(chatId);
    if (head) return head;
    return this.grant(await this.chats.requireLog(requireViewer(this.viewer), { id: chatId }));
  }

  /** The scope check of all types that belong to a chat. Returns true without a promise once access was granted. */
  check(chatId: string): true | Promise<true> {
    if (this.heads.has(chatId) || this.writtenTo.has(chatId)) return true;
    return this.enter(chatId).then(() => true as const);
  }

  /** The scope that types of this chat require. Always the same object, since scope-auth caches its answer by object. */
  reader(chatId: string): { chatReader: string } {
    let scopes = this.readers.get(chatId);
    if (!scopes) {
      scopes = { chatReader: chatId };
      this.readers.set(chatId, scopes);
    }
    return scopes;
  }

  /** Lets the viewer read what it has just written to this chat, even if it was removed in the meantime. */
  wroteTo(chatId: string): void {
    this.writtenTo.add(chatId);
  }

  /** Grants access that the caller has just checked. Returns the head that bounds this operation: the first one granted. */
  grant(head: ChatHead): ChatHead {
    const first = this.heads.get(head.chatId);
    if (first) return first;
    this.heads.set(head.chatId, head);
    return head;
  }

  /** The cursor of a chat's row, or of the head that bounds this operation when that is older. */
  cursor(chatId: string, row: Cursor): string {
    const head = this.heads.get(chatId);
    return formatCursor(head && head.epoch === row.epoch && head.seq < row.seq ? head : row);
  }
}
