import type { EventOf } from '../../../domain/log/chat-events.js';
import { builder } from '../builder.js';
import { SHARED } from '../shared.js';
import { ChatMembership } from '../types/membership.js';
import { ChatEvent } from './chat-event.js';

export const MemberAdded = builder.objectRef<EventOf<'member.added'>>('MemberAdded').implement({
  description: 'A user became a member of the chat.',
  interfaces: [ChatEvent],
  fields: (t) => ({
    member: t.field({
      type: ChatMembership,
      description: 'The new member.',
      resolve: ({ chatId, member }) => ({ chatId, ...member }),
      extensions: SHARED,
    }),
  }),
});
