import type { EventOf } from '../../../domain/log/chat-events.js';
import type { RemovalCause } from '../../../domain/log/events/member-removed.js';
import { builder } from '../builder.js';
import { SHARED } from '../shared.js';
import { User } from '../types/user.js';
import { ChatEvent } from './chat-event.js';

const RemovalCauseEnum = builder.enumType('RemovalCause', {
  description: 'Why a membership ended.',
  values: {
    left: { description: 'The user left.' },
    removed: { description: 'A moderator, an owner or an admin removed them; they may come back.' },
    banned: { description: 'They are banned from the chat.' },
    erased: { description: 'Their account is no more.' },
  } as const satisfies Record<RemovalCause, object>,
});

export const MemberRemoved = builder.objectRef<EventOf<'member.removed'>>('MemberRemoved').implement({
  description: 'A membership ended. The user gets no event of the chat after this one, unless they are an admin.',
  interfaces: [ChatEvent],
  fields: (t) => ({
    user: t.expose('user', { type: User, description: 'Whose membership ended.', extensions: SHARED }),
    cause: t.expose('cause', { type: RemovalCauseEnum, description: 'Why the membership ended.', extensions: SHARED }),
    until: t.expose('until', {
      type: 'DateTime',
      nullable: true,
      description: 'When the ban ends; null without one, and for a ban without an end.',
      extensions: SHARED,
    }),
  }),
});
