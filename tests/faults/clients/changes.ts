import { fingerprint, type MessageAct } from '../entries.js';
import type { Journal } from '../journal.js';
import type { Chat, User } from '../world.js';
import { stateOf } from './message-fields.js';
import type { Request, Variable } from './request-paths.js';
import type { Undertaking } from './requester.js';
import type { Target, Targets } from './targets.js';

/** A change of messages that were sent. */
export interface OutgoingChange {
  /** Names it in the journal. */
  id: string;
  act: MessageAct;
  chat: Chat;
  /** One; for a deletion one or several. */
  messages: readonly Target[];
  /** Of an edit. */
  content?: string;
  /** Of an edit: the revision that it is to replace. */
  revision?: number;
  /** Of an edit: null takes it away. */
  metadata?: object | null;
  /** Of an edit. */
  mentions?: string[];
  emoji?: string;
}

/** The frame and the mutation field of each act. */
const WORDS: Record<MessageAct, { frame: string; field: string }> = {
  edit: { frame: 'message.edit', field: 'editMessage' },
  delete: { frame: 'message.delete', field: 'deleteMessage' },
  react: { frame: 'reaction.add', field: 'addReaction' },
  'take back': { frame: 'reaction.remove', field: 'removeReaction' },
  pin: { frame: 'pin', field: 'pinMessage' },
  unpin: { frame: 'unpin', field: 'unpinMessage' },
};

/** Makes a change, with the same arguments in every attempt. */
export function changing(
  journal: Journal,
  targets: Targets,
  user: User,
  client: string,
  change: OutgoingChange,
): Undertaking {
  const { id, act, chat, messages, content, revision, emoji } = change;
  const subjects = {
    id,
    act,
    user: user.id,
    client,
    chat: chat.id,
    messages: messages.map((message) => message.id),
    content: content === undefined ? undefined : fingerprint(content),
    revision,
    emoji,
  };
  return {
    request: requestOf(change),
    invoked: (attempt) => journal.write({ type: 'change.invoked', ...subjects, ...attempt }),
    acknowledged: (attempt, received) => {
      const shown = received.map((message) => ({ id: message.id, message: stateOf(message) }));
      journal.write({ type: 'change.acknowledged', id, attempt, shown });
      for (const { id: messageId, message } of shown) {
        if (message.isDeleted) targets.deleted({ chat: chat.id, id: messageId });
        else {
          const { sender, thread, revision: now = 0 } = message;
          targets.add({ id: messageId, chat: chat.id, sender, revision: now, thread });
        }
      }
    },
    refused: (attempt, code, rule) => journal.write({ type: 'change.refused', id, attempt, code, rule }),
    lost: (attempt, reason) => journal.write({ type: 'change.lost', id, attempt, reason }),
    abandoned: () => journal.write({ type: 'change.abandoned', id }),
  };
}

function requestOf({ id, act, chat, messages, content, revision, metadata, mentions, emoji }: OutgoingChange): Request {
  const [first, ...more] = messages;
  const isMany = more.length > 0;
  const details: Variable[] = [
    { name: 'content', type: 'String!', value: content },
    { name: 'revision', type: 'Int', value: revision },
    { name: 'metadata', type: 'JSON', value: metadata },
    { name: 'mentions', type: '[ID!]', value: mentions },
    { name: 'emoji', type: 'String!', value: emoji },
  ];
  const given = details.filter(({ value }) => value !== undefined);
  const subject = isMany
    ? { name: 'messageIds', type: '[ID!]!', value: messages.map((message) => message.id) }
    : { name: 'messageId', type: 'ID!', value: first?.id };
  return {
    chat,
    id,
    // Several messages are deleted by the mutation alone.
    frame: {
      type: WORDS[act].frame,
      messageId: first?.id,
      ...Object.fromEntries(given.map(({ name, value }) => [name, value])),
    },
    mutation: {
      field: isMany ? 'deleteMessages' : WORDS[act].field,
      variables: [{ name: 'chatId', type: 'ID!', value: chat.id }, subject, ...given],
    },
  };
}
