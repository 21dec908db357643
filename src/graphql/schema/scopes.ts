import { requireAdmin, requireScope, userOf } from '../../domain/viewer.js';
import type { GraphqlContext } from './context.js';
import { loaders } from './loaders.js';

/** What a field or a type may require. If it names several, all are required. */
export interface AuthScopes {
  /** The token has the scope `read`. */
  read: boolean;
  /** The token has the scope `write`. */
  write: boolean;
  /** The token is a user's. */
  user: boolean;
  /** The token is an admin's. */
  admin: boolean;
  /** The viewer may reach the chat with this id. */
  chatReader: string;
}

/** Applies the domain's rules, which throw the domain's errors. No scope ever returns false. */
export function authScopes(context: GraphqlContext) {
  const { caller } = context;
  return {
    read: () => requireScope(caller.viewer, 'read') !== null,
    write: () => requireScope(caller.viewer, 'write') !== null,
    user: () => userOf(caller.viewer) !== null,
    admin: () => requireAdmin(caller.viewer) !== null,
    chatReader: (chatId: string) => loaders(context).access.check(chatId),
  };
}
