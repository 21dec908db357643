import type { Message, PendingMessage, UserRef } from '@chat-api/client';
import { dayKey } from '../ui/times.js';

/** What is drawn of one message, and what stands above it. */
export interface Row {
  /** Of one's own message the same before and after it is stored. */
  readonly key: string;
  readonly sender: UserRef;
  readonly at: string;
  readonly message?: Message;
  readonly pending?: PendingMessage;
  /** The first message of a day. */
  readonly beginsDay: boolean;
  /** The first message that was not read when the room was opened. */
  readonly beginsUnread: boolean;
  /** Follows soon on a message of the same sender: no name above it. */
  readonly isContinued: boolean;
}

/** Of one's own message, as of what was sent. */
export const keyOf = ({ id, nonce }: Message): string => nonce ?? id;

const CONTINUED_MS = 5 * 60_000;

/**
 * The rows of a timeline: its messages, and behind them those that are being sent.
 * @param unreadAfter the number of the last message that was read; undefined for no divider
 */
export function rowsOf(
  messages: readonly Message[],
  pending: readonly PendingMessage[],
  me: UserRef | null,
  unreadAfter: number | undefined,
): Row[] {
  const rows: Row[] = [];
  let isDivided = unreadAfter === undefined;
  for (const message of messages) {
    const { sender, createdAt } = message;
    const beginsUnread = !isDivided && message.seq > (unreadAfter ?? 0) && sender.id !== me?.id;
    isDivided ||= beginsUnread;
    rows.push(row(rows.at(-1), { key: keyOf(message), sender, at: createdAt, message }, beginsUnread));
  }
  if (me)
    for (const message of pending) {
      const { nonce, createdAt } = message;
      rows.push(row(rows.at(-1), { key: nonce, sender: me, at: createdAt, pending: message }, false));
    }
  return rows;
}

type Content = Pick<Row, 'key' | 'sender' | 'at' | 'message' | 'pending'>;

function row(before: Row | undefined, content: Content, beginsUnread: boolean): Row {
  const beginsDay = !before || dayKey(before.at) !== dayKey(content.at);
  const isContinued =
    !beginsDay &&
    !beginsUnread &&
    before.sender.id === content.sender.id &&
    !content.message?.replyTo &&
    !content.pending?.options.replyTo &&
    Date.parse(content.at) - Date.parse(before.at) < CONTINUED_MS;
  return { ...content, beginsDay, beginsUnread, isContinued };
}
