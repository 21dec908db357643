import { requireViewer } from '../../../domain/viewer.js';
import { builder } from '../builder.js';
import { listWeight, USUAL_LENGTH } from '../paging.js';
import { User } from './user.js';

builder.queryField('blockedUsers', (t) =>
  t.field({
    type: [User],
    description: 'Whom you block, the last first.',
    authScopes: { user: true },
    complexity: listWeight(undefined, USUAL_LENGTH.blocked, USUAL_LENGTH.blocked),
    resolve: (_root, _args, { services, caller }) => services.blocks.list(caller.viewer),
  }),
);

builder.mutationFields((t) => ({
  blockUser: t.field({
    type: 'Boolean',
    description:
      'Blocks a user: what they send in your direct chat fails with FORBIDDEN, rule `direct.blocked`, and their mentions bring you no ' +
      'notice. False when you blocked them before.',
    authScopes: { user: true },
    args: { id: t.arg.id({ required: true, description: 'The user.' }) },
    resolve: (_root, { id }, { services, caller }) => services.blocks.set(requireViewer(caller.viewer), id, true),
  }),
  unblockUser: t.field({
    type: 'Boolean',
    description: 'Blocks a user no more. False when you did not block them.',
    authScopes: { user: true },
    args: { id: t.arg.id({ required: true, description: 'The user.' }) },
    resolve: (_root, { id }, { services, caller }) => services.blocks.set(requireViewer(caller.viewer), id, false),
  }),
}));
