import type { ChatSizes } from '../../domain/chats/chat-sizes.js';
import type { TypingRights } from '../../domain/chats/typing-rights.js';
import { badInput } from '../../domain/errors.js';
import { CallRates } from '../../domain/queues/call-rates.js';
import { RecentMap } from '../../domain/recent-map.js';
import { canonicalId } from '../../domain/text.js';
import { requireScope, requireUserIn, type Viewer } from '../../domain/viewer.js';
import type { Signals } from './signals.js';

/** The most members of a chat in which typing is told. */
export const TYPING_LIMIT = 1000;
/** A user's typing is told once in this time, per chat. Milliseconds. */
const INTERVAL_MS = 3000;
/** Calls of one user that are looked at, in all chats together. */
const RATE = { calls: 120, windowMs: 60_000 };

export interface TypingInput {
  chatId: string;
  /** The id of the message whose thread the user writes in. */
  thread?: string | null | undefined;
}

/** Tells the others of a chat that somebody is writing. */
export class Typing {
  private readonly calls = new CallRates(RATE);
  /** By user and chat: when it was told, by `performance.now()`. */
  private readonly told = new RecentMap<number>({ max: 100_000, keptMs: INTERVAL_MS });

  constructor(
    private readonly signals: Pick<Signals, 'publish'>,
    private readonly rights: Pick<TypingRights, 'require'>,
    private readonly sizes: Pick<ChatSizes, 'small'>,
  ) {}

  /**
   * Tells it to who listens to the chat, but to none of the user's own devices. Resolves to false when nothing was told: less than 3 s
   * after the last time, after too many calls, and in a chat with more than `TYPING_LIMIT` members.
   * @throws DomainError `BAD_USER_INPUT`, field `thread`; `NOT_FOUND`; `FORBIDDEN` for a token without the scope `write`, and with the
   * rule `chat.role` or `member.muted` for who may not send to the chat
   */
  async tell(viewer: Viewer, { chatId: chat, thread: root }: TypingInput): Promise<boolean> {
    const user = requireUserIn(requireScope(viewer, 'write'), chat);
    const thread = root == null ? null : canonicalId(root);
    if (thread === undefined) throw badInput('thread', 'thread must be the id of a message.');
    const key = `${user.id} ${canonicalId(chat)}`;
    if (this.wasTold(key) || this.calls.count(user.id) > 0) return false;
    const chatId = await this.rights.require(viewer, chat);
    const isSmall = (await this.sizes.small([chatId])).has(chatId);
    // Another call may have told it during the queries.
    if (!isSmall || this.wasTold(key)) return false;
    this.told.set(key, performance.now());
    this.signals.publish(chatId, { type: 'typing', user, thread });
    return true;
  }

  private wasTold(key: string): boolean {
    return performance.now() - (this.told.get(key) ?? Number.NEGATIVE_INFINITY) < INTERVAL_MS;
  }
}
