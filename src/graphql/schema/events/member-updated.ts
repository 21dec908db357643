import type { EventOf } from '../../../domain/log/chat-events.js';
import { builder } from '../builder.js';
import { SHARED } from '../shared.js';
import { ChatMembership } from '../types/membership.js';
import { ChatEvent } from './chat-event.js';

export const MemberUpdated = builder.objectRef<EventOf<'member.updated'>>('MemberUpdated').implement({
  description: 'A member got another role, was muted, or is muted no more.',
  interfaces: [ChatEvent],
  fields: (t) => ({
    member: t.field({
      type: ChatMembership,
      description: 'The member as they are now.',
      resolve: ({ chatId, member }) => ({ chatId, ...member }),
      extensions: SHARED,
    }),
  }),
});
