import { fingerprint, markOf } from '../entries.js';
import type { Journal } from '../journal.js';
import type { Chat, User } from '../world.js';
import { stateOf } from './message-fields.js';
import type { Undertaking } from './requester.js';
import type { Targets } from './targets.js';

/** What a message may have beside its content. */
export interface SendExtras {
  replyTo?: string;
  thread?: string;
  alsoInChat?: boolean;
  mentions?: string[];
  metadata?: object;
}

export interface OutgoingMessage {
  /** A user may have several clients. */
  client: string;
  chat: Chat;
  nonce: string;
  /** Characters. */
  contentLength: number;
  extras?: SendExtras;
}

const TYPES: Record<keyof SendExtras, string> = {
  replyTo: 'ID',
  thread: 'ID',
  alsoInChat: 'Boolean',
  mentions: '[ID!]',
  metadata: 'JSON',
};

/** Sends a message. Its nonce makes it the same in every attempt. */
export function sending(
  journal: Journal,
  targets: Targets,
  user: User,
  { client, chat, nonce, contentLength, extras = {} }: OutgoingMessage,
): Undertaking {
  const content = markOf(nonce).padEnd(contentLength, '世界');
  const refersTo = [extras.replyTo, extras.thread].filter((id) => id !== undefined);
  return {
    request: {
      chat,
      id: nonce,
      frame: { type: 'message.send', content, nonce, ...extras },
      mutation: {
        field: 'sendMessage',
        variables: [
          { name: 'chatId', type: 'ID!', value: chat.id },
          { name: 'content', type: 'String!', value: content },
          { name: 'nonce', type: 'String!', value: nonce },
          ...namesOf(extras).map((name) => ({ name, type: TYPES[name], value: extras[name] })),
        ],
      },
    },
    invoked: (attempt) =>
      journal.write({
        type: 'send.invoked',
        user: user.id,
        client,
        chat: chat.id,
        nonce,
        content: fingerprint(content),
        ...attempt,
        ...(refersTo.length > 0 && { refersTo }),
      }),
    acknowledged: (attempt, [message]) => {
      if (!message) throw new Error(`The answer to ${nonce} shows no message.`);
      const state = stateOf(message);
      journal.write({ type: 'send.acknowledged', nonce, attempt, seq: message.seq, message: message.id, state });
      targets.add({
        id: message.id,
        chat: chat.id,
        sender: user.id,
        revision: state.revision ?? 0,
        thread: state.thread,
      });
    },
    refused: (attempt, code, rule) => journal.write({ type: 'send.refused', nonce, attempt, code, rule }),
    lost: (attempt, reason) => journal.write({ type: 'send.lost', nonce, attempt, reason }),
    abandoned: () => journal.write({ type: 'send.abandoned', nonce }),
  };
}

function namesOf(extras: SendExtras): (keyof SendExtras)[] {
  const all: (keyof SendExtras)[] = ['replyTo', 'thread', 'alsoInChat', 'mentions', 'metadata'];
  return all.filter((name) => extras[name] !== undefined);
}
