import type { ChatEvent, EventType } from '../domain/log/chat-events.js';
import { formatCursor } from '../domain/log/cursor.js';
import type { Audience } from './audience.js';
import { chatDeleted } from './events/chat-deleted.js';
import { chatUpdated } from './events/chat-updated.js';
import type { WireContent } from './events/content.js';
import { memberAdded } from './events/member-added.js';
import { memberRemoved } from './events/member-removed.js';
import { memberUpdated } from './events/member-updated.js';
import { messageCreated } from './events/message-created.js';
import { messageDeleted } from './events/message-deleted.js';
import { messageEdited } from './events/message-edited.js';
import { messagePinned } from './events/message-pinned.js';
import { messageReactions } from './events/message-reactions.js';
import { messageUnpinned } from './events/message-unpinned.js';
import type { Frame } from './frame.js';
import { userOnWire } from './people.js';

/** The encoder of each kind. A missing one is a compile error. */
const CONTENTS: { readonly [Type in EventType]: WireContent<Type> } = {
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
};

/** An event as every transport but GraphQL sends it. */
export function eventOnWire(event: ChatEvent, audience: Audience): Frame {
  const { type, seq, at, actor } = event;
  const head = { type, seq, cursor: formatCursor(event), at, actor: actor && userOnWire(actor) };
  return { ...head, ...contentOf(type)(event, audience) };
}

function contentOf<Type extends EventType>(type: Type): WireContent<Type> {
  return CONTENTS[type];
}
