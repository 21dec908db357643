import type { ChatSizes } from '../../domain/chats/chat-sizes.js';
import { MAX_RECEIPTS, type Receipt } from '../../domain/signals.js';
import type { Signals } from './signals.js';

/** A read marker that moved forward. */
export interface Read extends Receipt {
  chatId: string;
}

export interface ReceiptsOptions {
  /** Default: 1 s. */
  intervalMs?: number;
  onError: (error: unknown, doing: string) => void;
}

const INTERVAL_MS = 1000;
/** Chats whose receipts wait, and users of one chat. Receipts beyond are not told. */
const MAX_CHATS = 10_000;
const MAX_USERS = 10_000;
/** Chats that are told of in one interval. */
const CHATS_PER_INTERVAL = 1000;

/**
 * Tells chats what their members have read: of each chat once a second, with the newest of each user, `MAX_RECEIPTS` users at a time.
 * Large chats are told nothing.
 */
export class Receipts {
  /** By chat and user: the number. Those that waited longest come first. */
  private readonly waiting = new Map<string, Map<string, number>>();
  private timer: NodeJS.Timeout | undefined;
  private isClosed = false;

  /** @param sizes knows the chats whose receipts are told */
  constructor(
    private readonly signals: Pick<Signals, 'publish'>,
    private readonly sizes: Pick<ChatSizes, 'small'>,
    private readonly options: ReceiptsOptions,
  ) {}

  /** Call it for each read marker that moved forward. Ids as PostgreSQL writes them. */
  read({ chatId, userId, seq }: Read): void {
    const users = this.waiting.get(chatId) ?? new Map<string, number>();
    if (users.size === 0) {
      if (this.waiting.size >= MAX_CHATS) return;
      this.waiting.set(chatId, users);
    }
    const known = users.get(userId);
    if (known === undefined && users.size >= MAX_USERS) return;
    users.set(userId, Math.max(seq, known ?? 0));
    this.schedule();
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.timer);
    this.waiting.clear();
  }

  private schedule(): void {
    if (this.isClosed || this.waiting.size === 0) return;
    this.timer ??= setTimeout(() => void this.tell(), this.options.intervalMs ?? INTERVAL_MS).unref();
  }

  private async tell(): Promise<void> {
    try {
      const chatIds = [...this.waiting.keys()].slice(0, CHATS_PER_INTERVAL);
      const small = await this.sizes.small(chatIds);
      for (const chatId of chatIds) {
        const users = this.waiting.get(chatId);
        // A chat with more receipts goes behind the others.
        this.waiting.delete(chatId);
        if (users && small.has(chatId) && !this.isClosed) this.tellChat(chatId, users);
      }
    } catch (error) {
      if (!this.isClosed) this.options.onError(error, 'tell what was read');
    } finally {
      this.timer = undefined;
      this.schedule();
    }
  }

  private tellChat(chatId: string, users: Map<string, number>): void {
    const reads = [...users].slice(0, MAX_RECEIPTS).map(([userId, seq]) => ({ userId, seq }));
    for (const { userId } of reads) users.delete(userId);
    if (users.size > 0) this.waiting.set(chatId, users);
    this.signals.publish(chatId, { type: 'receipts', reads });
  }
}
