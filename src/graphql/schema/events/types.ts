import type { EventOf, EventType } from '../../../domain/log/chat-events.js';
import { formatCursor } from '../../../domain/log/cursor.js';
import type { builder } from '../builder.js';
import { loaders } from '../loaders.js';
import { SHARED } from '../shared.js';
import { User } from '../types/user.js';
import { ChatDeleted } from './chat-deleted.js';
import { ChatEvent } from './chat-event.js';
import { ChatUpdated } from './chat-updated.js';
import { MemberAdded } from './member-added.js';
import { MemberRemoved } from './member-removed.js';
import { MemberUpdated } from './member-updated.js';
import { MessageCreated } from './message-created.js';
import { MessageDeleted } from './message-deleted.js';
import { MessageEdited } from './message-edited.js';
import { MessagePinned } from './message-pinned.js';
import { ReactionsChanged } from './message-reactions.js';
import { MessageUnpinned } from './message-unpinned.js';

type EventTypeRef<Type extends EventType> = Pick<
  ReturnType<typeof builder.objectRef<EventOf<Type>>>,
  'name' | '$inferType'
>;

/** The GraphQL type of each kind. A missing one is a compile error. */
const TYPES: { readonly [Type in EventType]: EventTypeRef<Type> } = {
  'message.created': MessageCreated,
  'message.edited': MessageEdited,
  'message.deleted': MessageDeleted,
  'message.reactions': ReactionsChanged,
  'message.pinned': MessagePinned,
  'message.unpinned': MessageUnpinned,
  'member.added': MemberAdded,
  'member.updated': MemberUpdated,
  'member.removed': MemberRemoved,
  'chat.updated': ChatUpdated,
  'chat.deleted': ChatDeleted,
};

ChatEvent.implement({
  description: 'A durable change of a chat. The changes of a chat are numbered 1, 2, 3, …',
  authScopes: ({ chatId }, context) => loaders(context).access.reader(chatId),
  resolveType: ({ type }) => TYPES[type].name,
  fields: (t) => ({
    chatId: t.exposeID('chatId', { description: 'The chat that was changed.', extensions: SHARED }),
    seq: t.exposeInt('seq', {
      description: 'The number of the change. The chat’s messages and its other changes are numbered together.',
      extensions: SHARED,
    }),
    cursor: t.string({
      description: 'Pass it as `after` to resume behind this event.',
      resolve: formatCursor,
      extensions: SHARED,
    }),
    at: t.expose('at', { type: 'DateTime', description: 'When the change was made.', extensions: SHARED }),
    actor: t.expose('actor', {
      type: User,
      nullable: true,
      description: "Who did it; null for an operator's command.",
      extensions: SHARED,
    }),
  }),
});
