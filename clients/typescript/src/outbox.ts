import { asChatError, ChatError, closedError } from './errors.js';
import type { KeptMessage, KeptMessages } from './kept-messages.js';
import type { Message } from './messages.js';
import { type Patience, persist } from './retry.js';
import type { PendingMessage, SendOptions } from './room-state.js';
import type { ChatStorage } from './storage.js';

export interface OutboxOptions {
  readonly chatId: string;
  /** Sends it once. @throws ChatError */
  readonly send: (message: PendingMessage) => Promise<Message>;
  readonly changed: (message: PendingMessage) => void;
  /** @param message as the service has stored it; undefined for one that is not sent any more */
  readonly settled: (nonce: string, message?: Message) => void;
  readonly storage: ChatStorage | undefined;
  readonly storageFailed: (error: unknown) => void;
  readonly patience: Patience;
}

interface Outgoing {
  message: PendingMessage;
  resolve(message: Message): void;
  reject(error: ChatError): void;
}

/**
 * One's own messages to one chat, one after the other in the order in which they were sent. One whose answer is lost is sent again with
 * the same nonce, and is one message therefore.
 */
export interface Outbox {
  /** Takes up what this user's messages are that a reload has cut off, and keeps those of now. */
  restore(userId: string): Promise<void>;
  /**
   * Resolves when the message is stored by the service.
   * @throws ChatError why it was refused; `CLOSED` when the client was closed before
   */
  send(content: string, options: SendOptions): Promise<Message>;
  /** Sends a message that failed once more. */
  retry(nonce: string): void;
  /** Forgets a message. One that is under way may be stored all the same. */
  discard(nonce: string): void;
  /** A message of one's own has come back as an event, perhaps before its acknowledgement. */
  delivered(message: Message): void;
}

export function outboxOf(options: OutboxOptions): Outbox {
  const { chatId, changed, storage, patience } = options;
  const outgoing = new Map<string | null, Outgoing>();
  /** The end of the one before. */
  let turn: Promise<void> = Promise.resolve();
  let isKept = false;
  let kept: KeptMessages | undefined;

  const isWaiting = (one: Outgoing) => outgoing.get(one.message.nonce) === one;

  const settle = (one: Outgoing, result: Message | ChatError): void => {
    const { nonce } = one.message;
    if (!outgoing.delete(nonce)) return;
    const message = result instanceof ChatError ? undefined : result;
    if (message) one.resolve(message);
    else one.reject(result as ChatError);
    options.settled(nonce, message);
    kept?.remove(nonce);
  };

  const sendOut = async (one: Outgoing): Promise<void> => {
    try {
      const message = await persist(async () => {
        if (!isWaiting(one)) throw closedError();
        return options.send(one.message);
      }, patience);
      settle(one, message);
    } catch (cause) {
      const error = asChatError(cause);
      if (!isWaiting(one)) return;
      one.reject(error);
      // What is cut off by the end of the client is sent by the next one.
      if (patience.life.isOver) return;
      one.message = { ...one.message, status: 'failed', error };
      changed(one.message);
    }
  };

  const add = (kept: KeptMessage): Promise<Message> => {
    const message: PendingMessage = { ...kept, status: 'sending' };
    const sent = new Promise<Message>((resolve, reject) => {
      const one: Outgoing = { message, resolve, reject };
      outgoing.set(message.nonce, one);
      turn = turn.then(() => sendOut(one));
    });
    changed(message);
    // `pending` says it too: nobody has to wait for the promise.
    sent.catch(() => {});
    return sent;
  };

  return {
    async restore(userId) {
      if (!storage || isKept) return;
      isKept = true;
      const { keepMessages } = await persist(() => import('./kept-messages.js'), patience);
      kept = keepMessages(storage, `chat-api:outbox:${userId}:${chatId}`, options.storageFailed);
      for (const { message } of outgoing.values()) kept.add(message);
      for (const message of await kept.restore()) if (!outgoing.has(message.nonce)) void add(message);
    },
    send(content, options) {
      const message = { nonce: newNonce(), content, options, createdAt: new Date().toISOString() };
      kept?.add(message);
      return add(message);
    },
    retry(nonce) {
      const { error, status, ...message } = outgoing.get(nonce)?.message ?? {};
      if (status === 'failed') void add(message as KeptMessage);
    },
    discard(nonce) {
      const one = outgoing.get(nonce);
      if (one) settle(one, new ChatError('CLOSED', 'Discarded.'));
    },
    delivered(message) {
      const one = outgoing.get(message.nonce);
      if (one) settle(one, message);
    },
  };
}

/** `randomUUID` is there on https pages alone. */
function newNonce(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
