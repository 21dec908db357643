import { chatBusy } from '../errors.js';
import { MemoryQuota } from '../queues/memory-quota.js';
import { classifyFailure, rejectUnlessRetryable, type WaitingSend, type WriteBatch } from './waiting-send.js';

export interface ContendedChatsOptions {
  /** Most sends in one statement. */
  maxBatch: number;
  /** A chat whose batch was written within this time is no longer contended. Milliseconds. */
  uncontendedMs: number;
  /** Receives the queued sends of a chat that is no longer contended. They precede the sends that the receiver has of that chat. */
  onRelease: (sends: readonly WaitingSend[]) => void;
  /** Called when no send is queued or in flight any more. */
  onIdle: () => void;
}

/** How many statements run at once. Each occupies one of the pool's ten connections. */
const MAX_WORKERS = 3;
/** How long a statement waits for a chat's row, in milliseconds. Then the worker goes on to the next chat. */
const LOCK_WAIT_MS = 300;
/** Most chats remembered as contended. */
const MAX_CHATS = 10_000;
/** After so many failed statements, the rest of a batch fails with the last error. */
const MAX_FAILURES = 16;
/** Queue limits of one contended chat and of all. Both are below the writer's own limit, so that other chats find room. */
const QUOTA_PER_CHAT = { count: 1000, bytes: 4 * 1024 ** 2 };
const TOTAL_QUOTA = { count: 5000, bytes: 12 * 1024 ** 2 };

interface ContendedChat {
  id: string;
  sends: WaitingSend[];
  /** The chat is in the queue, or a worker has it. */
  isScheduled: boolean;
}

/**
 * Writes the chats whose rows are locked by another transaction, or whose last statement failed. Each chat gets statements of its
 * own, so only its own senders wait for the lock. A chat's sends are written in the order of arrival. A few workers serve the
 * chats in turn.
 */
export class ContendedChats {
  private readonly chats = new Map<string, ContendedChat>();
  /** Chats with sends, the next one first. */
  private readonly queue: ContendedChat[] = [];
  private readonly perChat = new MemoryQuota(QUOTA_PER_CHAT);
  private readonly total = new MemoryQuota(TOTAL_QUOTA);
  private workers = 0;

  constructor(
    private readonly write: WriteBatch,
    private readonly options: ContendedChatsOptions,
  ) {}

  get isIdle(): boolean {
    return this.workers === 0 && this.queue.length === 0;
  }

  has(chatId: string): boolean {
    return this.chats.has(chatId);
  }

  /** Queues the send behind the chat's others, and marks the chat as contended. Without room the send is rejected. */
  add(send: WaitingSend): void {
    const { chatId } = send.message;
    if (!this.perChat.hasRoom(chatId, send.bytes) || !this.total.hasRoom('', send.bytes)) {
      send.reject(chatBusy());
      return;
    }
    const chat = this.chats.get(chatId) ?? this.addChat(chatId);
    this.reserve(send);
    chat.sends.push(send);
    if (chat.isScheduled) return;
    chat.isScheduled = true;
    this.queue.push(chat);
    if (this.workers >= MAX_WORKERS) return;
    this.workers += 1;
    void this.runWorker();
  }

  /** Takes out the oldest sends of each chat for as long as `isOver` is true of them. */
  dropOldest(isOver: (send: WaitingSend) => boolean): void {
    for (const chat of this.chats.values()) {
      const kept = chat.sends.findIndex((send) => !isOver(send));
      for (const send of chat.sends.splice(0, kept === -1 ? chat.sends.length : kept)) this.release(send);
    }
  }

  private addChat(id: string): ContendedChat {
    if (this.chats.size >= MAX_CHATS) this.forgetOldestUnscheduled();
    const chat = { id, sends: [], isScheduled: false };
    this.chats.set(id, chat);
    return chat;
  }

  private forgetOldestUnscheduled(): void {
    for (const chat of this.chats.values())
      if (!chat.isScheduled) {
        this.chats.delete(chat.id);
        return;
      }
  }

  private async runWorker(): Promise<void> {
    // Sends that arrive in the same turn of the event loop share a statement.
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (this.queue.length > 0) {
      if (this.queue.length > MAX_WORKERS) await this.writeUnlocked();
      const chat = this.queue.shift();
      if (chat) await this.writeChat(chat);
    }
    this.workers -= 1;
    if (this.isIdle) this.options.onIdle();
  }

  /** Writes the queued chats whose rows are unlocked by now in one statement, so that they need none of their own. */
  private async writeUnlocked(): Promise<void> {
    const taken = new Map<ContendedChat, WaitingSend[]>();
    const batch: WaitingSend[] = [];
    while (batch.length < this.options.maxBatch) {
      const chat = this.queue.shift();
      if (!chat) break;
      const sends = chat.sends.splice(0, this.options.maxBatch - batch.length);
      taken.set(chat, sends);
      batch.push(...sends);
    }
    if (batch.length === 0) return;
    const left = await this.write(batch, 0).catch((error: unknown) => rejectUnlessRetryable(batch, error));
    const isLeft = new Set(left);
    for (const [chat, sends] of taken) {
      const unwritten = sends.filter((send) => isLeft.has(send));
      this.finish(chat, sends, unwritten, unwritten.length === 0);
    }
  }

  private async writeChat(chat: ContendedChat): Promise<void> {
    const sends = chat.sends.splice(0, this.options.maxBatch);
    const startedAt = performance.now();
    const unwritten = sends.length > 0 ? await this.writeBisecting(sends, { failures: 0 }) : [];
    const tookMs = performance.now() - startedAt;
    const isUncontended = sends.length > 0 && unwritten.length === 0 && tookMs < this.options.uncontendedMs;
    this.finish(chat, sends, unwritten, isUncontended);
  }

  /** Writes the sends. When one message fails the statement, it writes the two halves, so that only that message fails. */
  private async writeBisecting(
    sends: readonly WaitingSend[],
    count: { failures: number },
  ): Promise<readonly WaitingSend[]> {
    try {
      return await this.write(sends, LOCK_WAIT_MS);
    } catch (error) {
      count.failures += 1;
      if (classifyFailure(error) !== 'one-message') return rejectUnlessRetryable(sends, error);
      if (sends.length === 1 || count.failures >= MAX_FAILURES) {
        for (const send of sends) send.reject(error);
        return [];
      }
      const half = Math.ceil(sends.length / 2);
      const unwritten = await this.writeBisecting(sends.slice(0, half), count);
      const others = sends.slice(half);
      return unwritten.length > 0 ? [...unwritten, ...others] : this.writeBisecting(others, count);
    }
  }

  /** Puts the unwritten sends back in front; then releases the chat, schedules it again, or leaves it without sends. */
  private finish(
    chat: ContendedChat,
    taken: readonly WaitingSend[],
    unwritten: readonly WaitingSend[],
    isUncontended: boolean,
  ): void {
    const waiting = unwritten.filter((send) => !send.isSettled);
    const stays = new Set(waiting);
    for (const send of taken) if (!stays.has(send)) this.release(send);
    chat.sends.unshift(...waiting);
    if (isUncontended && chat.sends.length <= this.options.maxBatch / 2) {
      this.chats.delete(chat.id);
      for (const send of chat.sends) this.release(send);
      this.options.onRelease(chat.sends);
    } else if (chat.sends.length > 0) this.queue.push(chat);
    else chat.isScheduled = false;
  }

  private reserve({ message, bytes }: WaitingSend): void {
    this.perChat.add(message.chatId, bytes);
    this.total.add('', bytes);
  }

  private release({ message, bytes }: WaitingSend): void {
    this.perChat.remove(message.chatId, bytes);
    this.total.remove('', bytes);
  }
}
