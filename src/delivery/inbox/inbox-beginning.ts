import type { InboxChat, InboxSnapshot } from '../../domain/mine/inbox.js';
import type { InboxPosition } from '../../domain/mine/inbox-position.js';
import type { Reach } from '../../domain/viewer.js';
import type { EarlyWatch } from './early-watch.js';
import { InboxProgress } from './inbox-progress.js';

/** From where an inbox goes on, and what there is. */
export interface InboxBeginning {
  position: InboxPosition;
  snapshot: InboxSnapshot;
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

/** Of chats that were not in reach before, the client gets what happens from now on. */
export function entering(snapshot: InboxSnapshot, before: Reach): InboxSnapshot {
  if (!before) return snapshot;
  const chats = snapshot.chats.map((chat) => {
    if (before.has(chat.chatId)) return chat;
    return { ...chat, from: chat.seq, changes: [], isStateDue: false };
  });
  return { ...snapshot, chats };
}

/** Whether something of the chat is to be delivered. */
export function isBehind({ isMember, from, seq, changes }: InboxChat): boolean {
  return changes.length > 0 || (isMember && from < seq);
}
