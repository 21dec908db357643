import { rightOf } from '../../src/domain/chats/rights.js';
import type { PrivatePostgres } from '../support/private-postgres.js';
import type { ChangeByHand } from './clients/membership-changes.js';

const STATEMENTS = {
  added: 'SELECT outcome FROM add_chat_member($1, $2, NULL)',
  removed: `SELECT outcome FROM remove_chat_member($1, $2, NULL, NULL, '${rightOf('remove', null)}')`,
};

/**
 * Changes memberships in the database itself, each at the end of a transaction that was open for so long. Nobody is told of them, as of what
 * a service wrote that was killed right after its COMMIT; and they have older transaction ids than what others wrote meanwhile.
 */
export function changesByHand(postgres: PrivatePostgres, database: string): ChangeByHand {
  return (change, { user, chat }, forMs) =>
    postgres.holdTransaction(database, forMs, STATEMENTS[change], [chat.id, user.id]);
}
