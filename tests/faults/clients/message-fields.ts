import { fingerprint, type MessageState, type ReactionState } from '../entries.js';

interface Named {
  id: string;
}

/** A message as a client gets it. The raw channel leaves out what a plain message does not have, and GraphQL has null. */
export interface ReceivedMessage extends Named {
  seq: number;
  content: string;
  sender: Named;
  revision?: number;
  deletedAt?: string | null;
  pinnedBy?: Named | null;
  mentions?: Named[];
  metadata?: object | null;
  replyTo?: (Named & Partial<ReceivedMessage>) | null;
  reactions?: ReceivedReaction[];
  /** Raw. */
  thread?: { rootId: string };
  /** GraphQL. */
  threadRoot?: Named | null;
}

/** `users` is of the raw channel. */
interface ReceivedReaction {
  emoji: string;
  count: number;
  users?: string[];
}

const OWN_FIELDS =
  'id seq content sender { id } revision deletedAt pinnedBy { id } mentions { id } metadata threadRoot { id } reactions { emoji count }';

/** What to select of a message, and of the one that it quotes. */
export const MESSAGE_FIELDS = `${OWN_FIELDS} replyTo { ${OWN_FIELDS} replyTo { id } }`;

export function stateOf(received: ReceivedMessage): MessageState {
  const { content, sender, revision, deletedAt, pinnedBy, mentions, metadata, replyTo, reactions } = received;
  const thread = received.thread?.rootId ?? received.threadRoot?.id;
  return {
    sender: sender.id,
    content: fingerprint(content),
    ...(revision && { revision }),
    ...(deletedAt && { isDeleted: true }),
    ...(pinnedBy && { pinnedBy: pinnedBy.id }),
    ...(replyTo && { replyTo: replyTo.id }),
    ...(thread !== undefined && { thread }),
    ...(mentions && mentions.length > 0 && { mentions: mentions.map(({ id }) => id) }),
    ...(metadata && { metadata: fingerprint(JSON.stringify(metadata)) }),
    ...(reactions && reactions.length > 0 && { reactions: reactions.map(reactionOf) }),
  };
}

export function reactionOf({ emoji, count, users }: ReceivedReaction): ReactionState {
  return { emoji, count, ...(users && { users }) };
}
