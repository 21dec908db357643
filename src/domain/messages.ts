import { batched } from './batched.js';
import { type Announce, type ChatMessage, messageCreated } from './chat-events.js';
import { clientError, type Database, query } from './database.js';
import { chatNotFound, DomainError } from './errors.js';
import { newMessageId } from './message-ids.js';
import { checkText, isUuid } from './text.js';
import { requireUser, type UserProfile, type Viewer } from './viewer.js';

interface PendingMessage {
  id: string;
  chatId: string;
  sender: UserProfile;
  content: string;
  nonce: string | null;
}

interface AppendedRow {
  outcome: 'created' | 'repeated' | 'nonce_reused' | 'unreachable';
  epoch: string;
  seq: number;
  id: string;
  content: string;
  nonce: string | null;
  created_at: Date;
}

const APPEND = {
  name: 'messages-append',
  text: `SELECT outcome, epoch, seq, id, content, nonce, created_at
    FROM append_messages($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[])`,
};

/**
 * Writes messages. Sends that arrive together are written together, whichever edge and chat they came from.
 *
 * One batch is on its way at a time, so a chat's messages are numbered in the order they came. With two at once, for halves of
 * the chats, batches are half as long: 1,000 busy chats cost all processes a quarter more CPU per message.
 */
export class Messages {
  private readonly appends = batched((batch: readonly PendingMessage[]) => this.append(batch));

  constructor(
    private readonly db: Database,
    private readonly announce: Announce,
  ) {}

  /**
   * Resolves after COMMIT with the message and its number. Sending the same `nonce` again returns the first message.
   * Who is neither a member nor an admin at that moment is refused there, in the transaction that gives the number.
   * @throws DomainError `BAD_USER_INPUT`, `NOT_FOUND`, `NONCE_REUSED`, or `SERVICE_UNAVAILABLE`: then it is unknown whether
   * the message was written, and repeating the send with its nonce settles it.
   */
  async send(viewer: Viewer, input: { chatId: string; content: string; nonce?: string | null | undefined }) {
    const sender = requireUser(viewer);
    const content = checkText('content', input.content.trim(), { min: 1, max: 4000 });
    const nonce = input.nonce == null ? null : checkText('nonce', input.nonce, { min: 1, max: 128 });
    if (!isUuid(input.chatId)) throw chatNotFound();
    const pending = { id: newMessageId(), chatId: input.chatId.toLowerCase(), sender, content, nonce };
    return toMessage(pending, await this.appends.add(pending));
  }

  /** Resolves when no send is waiting any more. */
  drain(): Promise<void> {
    return this.appends.drain();
  }

  private async append(batch: readonly PendingMessage[]): Promise<AppendedRow[]> {
    // The order of the chats' ids is the order of their locks: `append_messages` relies on it.
    const messages = [...batch].sort(byChat);
    const rows = await query<AppendedRow>(this.db, APPEND, [
      messages.map((message) => message.id),
      messages.map((message) => message.chatId),
      messages.map((message) => message.sender.id),
      messages.map((message) => message.content),
      messages.map((message) => message.nonce),
    ]).catch((error: unknown) => {
      throw clientError(error) ?? error;
    });
    const answers = new Map<PendingMessage, AppendedRow>();
    for (const [index, row] of rows.entries()) {
      const message = messages[index];
      if (message) answers.set(message, row);
    }
    // The senders hear first: their acknowledgements leave before anybody's copy is made.
    setImmediate(() => {
      for (const [message, row] of answers)
        if (row.outcome === 'created') this.announce(messageCreated(row.epoch, toMessage(message, row)));
    });
    return batch.map((message) => {
      const row = answers.get(message);
      if (!row) throw new Error(`The database did not answer for message ${message.id}.`);
      return row;
    });
  }
}

/** Messages of one chat stay in the order they came. */
function byChat({ chatId: one }: PendingMessage, { chatId: other }: PendingMessage): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

function toMessage({ chatId, sender }: PendingMessage, row: AppendedRow): ChatMessage {
  if (row.outcome === 'unreachable') throw chatNotFound();
  if (row.outcome === 'nonce_reused')
    throw new DomainError('NONCE_REUSED', 'You sent another message with this nonce to this chat.', { field: 'nonce' });
  const { id, seq, content, nonce, created_at } = row;
  return { id, chatId, seq, content, nonce, createdAt: created_at.toISOString(), sender };
}
