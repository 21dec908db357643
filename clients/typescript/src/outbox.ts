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
export interface Outbox {
  /** Takes up what this user's messages are that a reload has cut off, and keeps those of now. */
  restore(userId: string): void;
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
  let key: string | undefined;
  let stored: Promise<void> = Promise.resolve();

  const settle = (one: Outgoing, result: Message | ChatError): void => {
    if (one.isSettled) return;
    one.isSettled = true;
    const { nonce } = one.message;
    outgoing.delete(nonce);
    if (result instanceof ChatError) one.reject(result);
    else one.resolve(result);
    options.settled(nonce);
    withStorage((before) => before.filter((message) => message.nonce !== nonce));
  };

  const sendOut = async (one: Outgoing): Promise<void> => {
    try {
      const message = await persist(async () => {
        if (one.isSettled) throw closedError();
        return options.send(one.message);
      }, patience);
      settle(one, message);
    } catch (cause) {
      const error = asChatError(cause);
      if (one.isSettled) return;
      one.reject(error);
      // What is cut off by the end of the client is sent by the next one.
      if (patience.life.isOver) return;
      one.message = { ...one.message, status: 'failed', error };
      changed(one.message);
    }
  };

  const add = (stored: Stored): Promise<Message> => {
    const message: PendingMessage = { ...stored, status: 'sending' };
    const sent = new Promise<Message>((resolve, reject) => {
      const one: Outgoing = { message, resolve, reject, isSettled: false };
      outgoing.set(message.nonce, one);
      turn = turn.then(() => sendOut(one));
    });
    changed(message);
    // `pending` says it too: nobody has to wait for the promise.
    sent.catch(() => {});
    return sent;
  };

  /** Changes what is stored, one change after the other: another tab of the user may have added something. */
  const withStorage = (change: (stored: Stored[]) => Stored[]): void => {
    const at = key;
    if (!storage || !at) return;
    stored = stored
      .then(async () => {
        const before = await storage.getItem(at);
        const after = change(before ? JSON.parse(before) : []);
        if (after.length > 0) await storage.setItem(at, JSON.stringify(after));
        else if (before) await storage.removeItem(at);
      })
      .catch(options.storageFailed);
  };

  return {
    restore(userId) {
      if (key) return;
      key = `chat-api:outbox:${userId}:${chatId}`;
      withStorage((before) => {
        for (const message of before) if (!outgoing.has(message.nonce)) void add(message);
        return [...outgoing.values()].map(({ message }) => storable(message));
      });
    },
    send(content, options) {
      const message = { nonce: newNonce(), content, options, createdAt: new Date().toISOString() };
      const sent = add(message);
      withStorage((before) => [...before, message]);
      return sent;
    },
    retry(nonce) {
      const { message } = outgoing.get(nonce) ?? {};
      if (message?.status === 'failed') void add(storable(message));
    },
    discard(nonce) {
      const one = outgoing.get(nonce);
      if (one) settle(one, new ChatError('CLOSED', 'The message was discarded.'));
    },
    delivered(message) {
      const one = outgoing.get(message.nonce);
      if (one) settle(one, message);
    },
  };
}

function storable({ nonce, content, options, createdAt }: Stored): Stored {
  return { nonce, content, options, createdAt };
}

/** `randomUUID` is there on https pages alone. */
function newNonce(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
