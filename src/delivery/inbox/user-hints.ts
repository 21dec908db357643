import type { Bus } from '../bus.js';
import { id, list, MalformedPayload, number, parsePayload } from '../payload.js';

/**
 * Tells a user's inboxes, on all processes, that something of the user's has changed. A hint may be lost: what it says is found in the
 * database some time later.
 */
export type UserHint =
  /** The user has joined the chat; the number is that of the `member.added`. */
  | { type: 'joined'; chatId: string; seq: number }
  /** The user's own states of these chats have changed, or of threads in them. */
  | { type: 'state'; chatIds: string[]; ofThreads: boolean }
  /** The user was invited to a chat, or an invitation has ended. */
  | { type: 'invitations' };

const MAX_CHATS = 1000;

const topicOf = (userId: string) => `user:${userId}`;

export class UserHints {
  constructor(
    private readonly bus: Bus,
    private readonly onError: (error: unknown, doing: string) => void,
  ) {}

  announce(userId: string, hint: UserHint): void {
    this.bus.publish(topicOf(userId), JSON.stringify(hint)).catch((error: unknown) => {
      this.onError(error, 'tell a user’s inboxes of a change');
    });
  }

  /** Resolves to the function that unsubscribes. */
  async subscribe(userId: string, handler: (hint: UserHint) => void): Promise<() => void> {
    const receive = (payload: string) => {
      try {
        handler(parseHint(payload));
      } catch (error) {
        this.onError(error, 'read a hint from the bus');
      }
    };
    const topics = [topicOf(userId)];
    await this.bus.subscribe(topics, receive);
    return () => this.bus.unsubscribe(topics, receive);
  }
}

/** @throws MalformedPayload */
function parseHint(payload: string): UserHint {
  const { type, chatId, seq, chatIds, ofThreads } = parsePayload(payload);
  if (type === 'joined') return { type, chatId: id(chatId, 'chatId'), seq: number(seq, 'seq') };
  if (type === 'invitations') return { type };
  if (type !== 'state') throw new MalformedPayload('type');
  // A process of an older version does not say it.
  return {
    ...{ type, ofThreads: ofThreads !== false },
    chatIds: list(chatIds, 'chatIds', MAX_CHATS).map((chat) => id(chat, 'chatIds')),
  };
}

/** Hints of at most `MAX_CHATS` chats each. */
export function stateHints(chatIds: readonly string[], ofThreads: boolean): UserHint[] {
  const hints: UserHint[] = [];
  for (let first = 0; first < chatIds.length; first += MAX_CHATS)
    hints.push({ type: 'state', chatIds: chatIds.slice(first, first + MAX_CHATS), ofThreads });
  return hints;
}
