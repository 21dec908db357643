import { asChatError, ChatError, closedError } from './errors.js';
import type { Message } from './messages.js';
import { type Patience, persist } from './retry.js';
import type { PendingMessage, SendOptions } from './room-state.js';
import type { ChatStorage } from './storage.js';

type Stored = Pick<PendingMessage, 'nonce' | 'content' | 'options' | 'createdAt'>;

export interface OutboxOptions {
  readonly chatId: string;
  /** Sends it once. @throws ChatError */
  readonly send: (message: PendingMessage) => Promise<Message>;
  readonly changed: (message: PendingMessage) => void;
  readonly settled: (nonce: string) => void;
  readonly storage: ChatStorage | undefined;
  readonly storageFailed: (error: unknown) => void;
  readonly patience: Patience;
}

interface Outgoing {
  message: PendingMessage;
  resolve(message: Message): void;
  reject(error: ChatError): void;
  isSettled: boolean;
}

/**
 * One's own messages to one chat, one after the other in the order in which they were sent. One whose answer is lost is sent again with
 * the same nonce, and is one message therefore.
 */
export class Outbox {
  private readonly outgoing = new Map<string, Outgoing>();
  private readonly queue: Outgoing[] = [];
  private isSending = false;
  private key: string | undefined;
  private stored: Promise<void> = Promise.resolve();

  constructor(private readonly options: OutboxOptions) {}

  /** Takes up what this user's messages are that a reload has cut off, and keeps those of now. */
  async restore(userId: string): Promise<void> {
    const { storage, chatId } = this.options;
    if (!storage || this.key) return;
    this.key = `chat-api:outbox:${userId}:${chatId}`;
    await this.withStorage(async (stored) => {
      for (const message of stored)
        if (!this.outgoing.has(message.nonce)) void this.add({ ...message, status: 'sending' }).catch(() => {});
      return [...this.outgoing.values()].map(({ message }) => storable(message));
    });
  }

  /**
   * Resolves when the message is stored by the service.
   * @throws ChatError why it was refused; `CLOSED` when the client was closed before
   */
  send(content: string, options: SendOptions): Promise<Message> {
    const createdAt = new Date().toISOString();
    const message: PendingMessage = { nonce: newNonce(), content, options, createdAt, status: 'sending' };
    const sent = this.add(message);
    void this.withStorage(async (stored) => [...stored, storable(message)]);
    return sent;
  }

  /** Sends a message that failed once more. */
  retry(nonce: string): void {
    const failed = this.outgoing.get(nonce);
    if (failed?.message.status === 'failed')
      void this.add({ ...withoutError(failed.message), status: 'sending' }).catch(() => {});
  }

  /** Forgets a message. One that is under way may be stored all the same. */
  discard(nonce: string): void {
    const outgoing = this.outgoing.get(nonce);
    if (outgoing) this.settle(outgoing, new ChatError('CLOSED', 'The message was discarded.'));
  }

  /** A message of one's own has come back as an event, perhaps before its acknowledgement. */
  delivered(message: Message): void {
    const outgoing = message.nonce === null ? undefined : this.outgoing.get(message.nonce);
    if (outgoing) this.settle(outgoing, message);
  }

  private add(message: PendingMessage): Promise<Message> {
    return new Promise((resolve, reject) => {
      const outgoing: Outgoing = { message, resolve, reject, isSettled: false };
      this.outgoing.set(message.nonce, outgoing);
      this.queue.push(outgoing);
      this.options.changed(message);
      void this.work();
    });
  }

  private async work(): Promise<void> {
    if (this.isSending) return;
    this.isSending = true;
    for (let next = this.queue.shift(); next; next = this.queue.shift()) await this.sendOut(next);
    this.isSending = false;
  }

  private async sendOut(outgoing: Outgoing): Promise<void> {
    const { send, patience } = this.options;
    const attempt = async () => {
      if (outgoing.isSettled) throw closedError();
      return send(outgoing.message);
    };
    try {
      this.settle(outgoing, await persist(attempt, patience));
    } catch (cause) {
      const error = asChatError(cause);
      if (outgoing.isSettled) return;
      outgoing.reject(error);
      // What is cut off by the end of the client is sent by the next one.
      if (patience.signal.aborted) return;
      outgoing.message = { ...outgoing.message, status: 'failed', error };
      this.options.changed(outgoing.message);
    }
  }

  private settle(outgoing: Outgoing, result: Message | ChatError): void {
    if (outgoing.isSettled) return;
    outgoing.isSettled = true;
    const { nonce } = outgoing.message;
    this.outgoing.delete(nonce);
    if (result instanceof ChatError) outgoing.reject(result);
    else outgoing.resolve(result);
    this.options.settled(nonce);
    void this.withStorage(async (stored) => stored.filter((message) => message.nonce !== nonce));
  }

  /** Changes what is stored, one change after the other: another tab of the user may have added something. */
  private withStorage(change: (stored: Stored[]) => Promise<Stored[]>): Promise<void> {
    const { storage, storageFailed } = this.options;
    const { key } = this;
    if (!storage || !key) return Promise.resolve();
    this.stored = this.stored
      .then(async () => {
        const text = await storage.getItem(key);
        const stored = await change(text ? (JSON.parse(text) as Stored[]) : []);
        if (stored.length > 0) await storage.setItem(key, JSON.stringify(stored));
        else if (text !== null) await storage.removeItem(key);
      })
      .catch(storageFailed);
    return this.stored;
  }
}

function storable({ nonce, content, options, createdAt }: PendingMessage): Stored {
  return { nonce, content, options, createdAt };
}

function withoutError({ error, ...message }: PendingMessage): PendingMessage {
  return message;
}

/** `randomUUID` is there on https pages alone. */
function newNonce(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
