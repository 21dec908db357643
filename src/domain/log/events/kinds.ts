import { memberAdded } from './member-added.js';
import { memberRemoved } from './member-removed.js';
import { memberUpdated } from './member-updated.js';
import { messageCreated } from './message-created.js';

/** The registry of event kinds. */
export const KINDS = {
  'message.created': messageCreated,
  'member.added': memberAdded,
  'member.updated': memberUpdated,
  'member.removed': memberRemoved,
} as const;
