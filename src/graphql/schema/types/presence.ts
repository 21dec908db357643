import {
  MAX_PRESENCES,
  type PresenceChoice,
  type Presence as PresenceShape,
  type PresenceStatus,
} from '../../../domain/presence.js';
import { openPresence } from '../../streams/open-presence.js';
import { builder } from '../builder.js';
import { listWeight, USUAL_LENGTH } from '../paging.js';
import { SHARED, TRANSIENT } from '../shared.js';

const PresenceStatusEnum = builder.enumType('PresenceStatus', {
  description: 'Whether a user is there, as others see it.',
  values: {
    online: { description: 'Connected.' },
    away: { description: 'Connected, and has chosen to be shown so.' },
    offline: { description: 'Not connected, or invisible.' },
  } as const satisfies Record<PresenceStatus, object>,
});

const PresenceChoiceEnum = builder.enumType('PresenceChoice', {
  description: 'How to be shown to others.',
  values: {
    automatic: { description: 'As what is so.' },
    away: { description: 'As `away` while connected.' },
    invisible: { description: 'As `offline`, last active when this was chosen.' },
  } as const satisfies Record<PresenceChoice, object>,
});

export const Presence = builder.objectRef<PresenceShape>('Presence').implement({
  description: 'Whether a user is there. Users see their own as it is.',
  authScopes: { user: true },
  fields: (t) => ({
    userId: t.exposeID('userId', { description: 'The user.', extensions: SHARED }),
    status: t.expose('status', {
      type: PresenceStatusEnum,
      description: 'Whether the user is there.',
      extensions: SHARED,
    }),
    lastActiveAt: t.expose('lastActiveAt', {
      type: 'DateTime',
      nullable: true,
      description: 'The minute of the last frame or request of the user. Null for a user who never was there.',
      extensions: SHARED,
    }),
  }),
});

const WHO = `At most ${MAX_PRESENCES} users. Those who share no chat with you are left out.`;

builder.queryField('presence', (t) =>
  t.field({
    type: [Presence],
    description:
      'Whether these users are there. Nobody is told of a user with whom they share no chat, admins neither.',
    authScopes: { user: true },
    args: { userIds: t.arg.idList({ required: true, description: WHO }) },
    complexity: listWeight(undefined, USUAL_LENGTH.presences, MAX_PRESENCES),
    resolve: (_root, { userIds }, { services, caller }) => services.presences.read(caller.viewer, userIds),
  }),
);

builder.subscriptionField('presence', (t) =>
  t.field({
    type: Presence,
    description:
      'First whether each of these users is there, then each change, about once a second. If you read slowly, you get the newest ' +
      'state of each.',
    args: { userIds: t.arg.idList({ required: true, description: WHO }) },
    extensions: TRANSIENT,
    subscribe: (_root, { userIds }, context) => openPresence(context, userIds),
    resolve: (presence) => presence,
  }),
);

builder.mutationField('setPresence', (t) =>
  t.field({
    type: Presence,
    description:
      'Chooses how you are shown to others, on all of your devices, until the last of them has been disconnected for some seconds. ' +
      'Returns your presence as it is.',
    authScopes: { user: true },
    args: { status: t.arg({ type: PresenceChoiceEnum, required: true, description: 'How to be shown.' }) },
    resolve: (_root, { status }, { services, caller }) => services.presences.choose(caller.viewer, status),
  }),
);
