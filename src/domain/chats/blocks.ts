import { type Database, query } from '../database.js';
import { badInput, DomainError } from '../errors.js';
import { profileOfJson } from '../log/message-rows.js';
import { signInEnded } from '../people/acting-admin.js';
import type { UserProfile } from '../profile.js';
import { canonicalId } from '../text.js';
import { requireScope, requireUser, type Viewer } from '../viewer.js';

/** Most users whom one user blocks. */
export const MOST_BLOCKED = 1000;

interface Row {
  outcome: 'set' | 'repeated' | 'no_user' | 'full' | 'signed_out';
}

const SET = { name: 'user-block-set', text: 'SELECT * FROM set_block($1, $2, $3, $4, $5)' };
const LIST = {
  name: 'users-blocked',
  text: `SELECT profile_as_json(u) AS user FROM user_blocks b JOIN users u ON u.id = b.blocked_id
    WHERE b.user_id = $1 ORDER BY b.created_at DESC, u.id`,
};

/** Whom users block: a blocked user writes nothing in the direct chat of the two (rule `direct.blocked`). */
export class Blocks {
  constructor(private readonly db: Database) {}

  /**
   * Returns false when it was so before.
   * @throws DomainError `BAD_USER_INPUT`, field `id`, for the viewer's own id; `NOT_FOUND`, field `id`; `CONFLICT`, rule `blocks.full`, for
   * more than 1,000; `UNAUTHENTICATED` when the sign-in has ended; `SERVICE_UNAVAILABLE` while the direct chat is locked
   */
  async set(viewer: Viewer, given: string, isBlocked: boolean): Promise<boolean> {
    const user = requireUser(requireScope(viewer, 'write'));
    const other = canonicalId(given);
    if (other === undefined) throw noUser();
    if (other === user.id) throw badInput('id', 'id must be the id of another user.');
    const [row] = await query<Row>(this.db, SET, [user.id, viewer.familyId, other, isBlocked, MOST_BLOCKED]);
    switch (row?.outcome) {
      case 'set':
        return true;
      case 'repeated':
        return false;
      case 'no_user':
        throw noUser();
      case 'full':
        throw new DomainError('CONFLICT', `You block ${MOST_BLOCKED} users already.`, { rule: 'blocks.full' });
      case 'signed_out':
        throw signInEnded();
      default:
        throw new Error(`A block has an unknown outcome: ${row?.outcome}.`);
    }
  }

  /** Whom the viewer blocks, the last first. @throws DomainError as `requireUser` */
  async list(viewer: Viewer | null): Promise<UserProfile[]> {
    const rows = await query<{ user: UserProfile }>(this.db, LIST, [requireUser(viewer).id]);
    return rows.map(({ user }) => profileOfJson(user));
  }
}

function noUser(): DomainError {
  return new DomainError('NOT_FOUND', 'There is no such user.', { field: 'id' });
}
