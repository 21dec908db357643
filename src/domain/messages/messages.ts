import { roleTooLow } from '../chats/chat-refusals.js';
import type { Database } from '../database.js';
import { chatNotFound, DomainError } from '../errors.js';
import { type Announce, messageEntry } from '../log/chat-events.js';
import { type ChatMessage, MAX_CONTENT_LENGTH, MAX_NONCE_LENGTH } from '../log/chat-message.js';
import { CallRates } from '../queues/call-rates.js';
import { checkText, isUuid } from '../text.js';
import { reaches, userOf, type Viewer } from '../viewer.js';
import type { AppendedRow, PendingMessage } from './append.js';
import { newMessageId } from './message-ids.js';
import { MessageWriter } from './message-writer.js';
import { extrasToAppend, type SendExtras } from './send-extras.js';
import { refusalOf } from './send-refusals.js';
import type { OnStateChanged } from './state-changed.js';

/** What a client sends. */
export interface SendInput extends SendExtras {
  chatId: string;
  content: string;
  nonce?: string | null | undefined;
}

export interface SendOptions {
  /** `mentionAll` in a chat with more members takes an owner. */
  mentionAllLimit: number;
  /** The most messages that a bot sends in a second, to all chats together. Infinity: no limit. */
  botSendsPerSecond: number;
}

/**
 * Writes messages. Sends that arrive together are written in one batch, whichever chat and protocol they are for.
 *
 * One batch is in flight at a time, so a chat's messages are numbered in the order of arrival. With two at once, each for half
 * of the chats, batches are half as long: 1,000 busy chats cost all processes a quarter more CPU per message.
 */
export class Messages {
  private readonly writer: MessageWriter;
  private readonly botSends: CallRates;

  constructor(
    db: Database,
    announce: Announce,
    onStateChanged: OnStateChanged,
    private readonly options: SendOptions,
  ) {
    this.botSends = new CallRates({ calls: options.botSendsPerSecond, windowMs: 1000 });
    this.writer = new MessageWriter(db, (created) => {
      // Deferred, so that the senders' acknowledgements leave before anybody receives the message.
      setImmediate(() => {
        for (const [message, row] of created) {
          announce(messageEntry(row.epoch, toMessage(message, row)));
          if (row.shownTo) for (const userId of row.shownTo) onStateChanged(userId, message.chatId);
        }
      });
    });
  }

  /**
   * Resolves after COMMIT with the message and its number. Sending the same `nonce` again returns the first message as it is now.
   * The transaction that gives the number also checks that the sender is a member whose role may send, or in a group chat an admin, and
   * that what the message refers to is there.
   * @throws DomainError `BAD_USER_INPUT`; `NOT_FOUND`; `FORBIDDEN`, rules `chat.role`, `chat.archived`, `chat.posting_role` and
   * `member.muted`; `CONFLICT`, rule `message.deleted`, for a quote of a deleted message; `NONCE_REUSED`; `RATE_LIMITED`, rule
   * `chat.slow_mode`; `RATE_LIMITED` when too many messages of the sender are queued, and, rule `bot.sends`, for a bot
   * that sends too many; `SERVICE_UNAVAILABLE`: the message may have been written, and sending it again with the same nonce is safe
   */
  async send(viewer: Viewer, input: SendInput): Promise<ChatMessage> {
    const sender = userOf(viewer);
    const content = checkText('content', input.content.trim(), { min: 1, max: MAX_CONTENT_LENGTH });
    const nonce = input.nonce == null ? null : checkText('nonce', input.nonce, { min: 1, max: MAX_NONCE_LENGTH });
    const extras = extrasToAppend(input, this.options.mentionAllLimit);
    if (!isUuid(input.chatId) || !reaches(viewer, input.chatId)) throw chatNotFound();
    // A narrowed token has the rights of a member at most.
    if (input.mentionAll && viewer.chats) throw roleTooLow('mentionAll');
    if (sender.kind === 'bot') this.countBotSend(sender.id);
    const chatId = input.chatId.toLowerCase();
    const isNarrowed = viewer.chats !== undefined;
    const pending = { id: newMessageId(), chatId, sender, content, nonce, extras, isNarrowed };
    return toMessage(pending, await this.writer.add(pending));
  }

  private countBotSend(userId: string): void {
    const retryAfterMs = this.botSends.count(userId);
    if (retryAfterMs === 0) return;
    throw new DomainError('RATE_LIMITED', 'This bot sends too many messages. Please slow down.', {
      retryAfterMs,
      rule: 'bot.sends',
    });
  }

  /** Resolves when no message is queued or in flight. */
  drain(): Promise<void> {
    return this.writer.drain();
  }
}

/** @throws DomainError for every outcome but a message that is stored, also for one that only a newer version knows. */
function toMessage({ chatId, sender, content, nonce }: PendingMessage, row: AppendedRow): ChatMessage {
  const { outcome, id, seq, createdAt, message } = row;
  if (outcome !== 'created' && outcome !== 'repeated') throw refusalOf(outcome, row.details);
  return message ?? { id, chatId, seq, content, nonce, createdAt, sender };
}
