import type { InboxChat, InboxSnapshot } from '../../domain/mine/inbox.js';
import type { InboxPosition } from '../../domain/mine/inbox-position.js';
import type { Reach } from '../../domain/viewer.js';
import type { EarlyWatch } from './early-watch.js';
import { InboxProgress } from './inbox-progress.js';

/** Exceptions of a position that begins now: there is room for more. */
export const MAX_AHEAD = 240;

/** From where an inbox goes on, and what there is. */
export interface InboxBeginning {
  position: InboxPosition;
  snapshot: InboxSnapshot;
  /** Whether invitations may have changed since the position. */
  isInvitationDue: boolean;
  /** Of before the snapshot. The inbox ends it. */
  watch: EarlyWatch;
}

/** What the client has, by its position and what has happened since. */
export function progressOf({ position, snapshot: { below, chats } }: InboxBeginning): InboxProgress {
  const behind = chats.filter((chat) => isBehind(chat)).map(({ chatId }) => chatId);
  const progress = new InboxProgress(position, below, behind);
  for (const { chatId, epoch, seq, mark, isMember, from, changes } of chats) {
    progress.add({ chatId, epoch, seq, mark }, from);
    // The chat's mark is not below that of a removal in it.
    const removal = changes.findLast((change) => change < 0);
    if (removal !== undefined) progress.removed(chatId, -removal, mark);
    if (isMember || changes.length > 0) continue;
    progress.leave(chatId);
    progress.removed(chatId, seq, mark);
  }
  progress.begin();
  return progress;
}

/**
 * Of chats that were not in reach before, the client gets what happens from now on. Their levels may say less: they are exceptions, as far
 * as a position has room for them, first those that have changed last.
 */
export function entering({ position, snapshot, ...beginning }: InboxBeginning, before: Reach): InboxBeginning {
  if (!before) return { position, snapshot, ...beginning };
  const exceptions = new Map(position.exceptions);
  const entered = snapshot.chats.filter(({ chatId }) => !before.has(chatId)).sort((one, two) => two.mark - one.mark);
  for (const { chatId, seq } of entered)
    if (exceptions.has(chatId) || exceptions.size < MAX_AHEAD) exceptions.set(chatId, seq);
  const chats = snapshot.chats.map((chat) => {
    if (before.has(chat.chatId)) return chat;
    return { ...chat, from: chat.seq, changes: [], isStateDue: false };
  });
  return { position: { ...position, exceptions }, snapshot: { ...snapshot, chats }, ...beginning };
}

/** Whether something of the chat is to be delivered. */
export function isBehind({ isMember, from, seq, changes }: InboxChat): boolean {
  return changes.length > 0 || (isMember && from < seq);
}
