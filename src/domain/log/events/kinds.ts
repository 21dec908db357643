import { chatDeleted } from './chat-deleted.js';
import { chatUpdated } from './chat-updated.js';
import { memberAdded } from './member-added.js';
import { memberRemoved } from './member-removed.js';
import { memberUpdated } from './member-updated.js';
import { messageCreated } from './message-created.js';
import { messageDeleted } from './message-deleted.js';
import { messageEdited } from './message-edited.js';
import { messagePinned } from './message-pinned.js';
import { messageReactions } from './message-reactions.js';
import { messageUnpinned } from './message-unpinned.js';

/** The registry of event kinds. */
export const KINDS = {
  'message.created': messageCreated,
  'message.edited': messageEdited,
  'message.deleted': messageDeleted,
  'message.reactions': messageReactions,
  'message.pinned': messagePinned,
  'message.unpinned': messageUnpinned,
  'member.added': memberAdded,
  'member.updated': memberUpdated,
  'member.removed': memberRemoved,
  'chat.updated': chatUpdated,
  'chat.deleted': chatDeleted,
} as const;
