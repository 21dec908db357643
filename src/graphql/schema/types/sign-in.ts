import { badInput } from '../../../domain/errors.js';
import { requireScope } from '../../../domain/viewer.js';
import { builder } from '../builder.js';

builder.mutationFields((t) => ({
  changePassword: t.boolean({
    description: 'Changes your password, and ends all of your other sign-ins.',
    authScopes: { user: true },
    // It computes two slow password hashes.
    complexity: 2000,
    args: {
      currentPassword: t.arg.string({ required: true, description: 'Your password until now.' }),
      newPassword: t.arg.string({ required: true, description: '8 to 256 characters.' }),
    },
    resolve: async (_root, { currentPassword, newPassword }, { services, caller }) => {
      await services.users.changePassword(requireScope(caller.viewer, 'write'), currentPassword, newPassword);
      return true;
    },
  }),
  reauthenticate: t.boolean({
    description:
      'Over a WebSocket: continues it with a new access token of the same user, before the present one expires.',
    authScopes: { user: true },
    args: { token: t.arg.string({ required: true, description: 'The new access token.' }) },
    resolve: async (_root, { token }, { socket }) => {
      if (!socket) throw badInput('token', 'Over HTTP every request brings its token in the Authorization header.');
      await socket.reauthenticate(token);
      return true;
    },
  }),
  createSocketTicket: t.string({
    description:
      "A ticket that opens one raw channel, for browsers. It works once, for 30 seconds, with this token's rights.",
    authScopes: { user: true },
    resolve: (_root, _args, { services, caller }) =>
      services.tokens.createSocketTicket(requireScope(caller.viewer, 'write')),
  }),
}));
