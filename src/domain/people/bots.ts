import type { PoolClient } from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { type AuditAct, writeAudit } from '../audit.js';
import { createdSeqOf } from '../created-seq.js';
import { type Database, query } from '../database.js';
import { badInput, DomainError } from '../errors.js';
import { checkUsername, normalizeName, usernameKey } from '../names.js';
import type { UserKind, UserRole } from '../profile.js';
import { canonicalId } from '../text.js';
import { transaction } from '../transaction.js';
import { isUniqueViolation } from '../unique-violation.js';
import { isAdmin, requireAdmin, requireUser, type Viewer } from '../viewer.js';
import { requireActingAdmin, requireActingPerson } from './acting-admin.js';
import { pickByUsername, USER_CHANGES_LOCK, type UserChangeListener, usernameTaken } from './users.js';

/** A program that is a user. */
export interface Bot {
  /** The id of its user. */
  id: string;
  /** Null for a bot that an operator made. */
  ownerId: string | null;
  createdAt: Date;
}

// A literal and no parameter: the plan uses the partial index users_bots_idx.
const LIST = {
  name: 'bots-list',
  text: `SELECT id, owner_id AS "ownerId", date_joined AS "createdAt" FROM users
    WHERE kind = 'bot' AND created_seq > $1 ORDER BY created_seq LIMIT $2`,
};
const LIST_OF_OWNER = {
  name: 'bots-list-of-owner',
  text: `SELECT id, owner_id AS "ownerId", date_joined AS "createdAt" FROM users
    WHERE kind = 'bot' AND owner_id = $3 AND created_seq > $1 ORDER BY created_seq LIMIT $2`,
};
const COUNT_OF_OWNER = `SELECT count(*)::int AS count FROM users WHERE kind = 'bot' AND owner_id = $1`;
const INSERT = `INSERT INTO users (id, username, username_key, kind, role, owner_id)
  VALUES ($1, $2, $3, 'bot', $4::user_role, $5) RETURNING id, owner_id AS "ownerId", date_joined AS "createdAt"`;

/** Who makes bots: admins alone, or everybody for themselves. */
export type BotCreation = 'admins' | 'users';

/** Most bots that a person makes for themselves. Those that admins made for them count too. */
export const MAX_OWN_BOTS = 10;

interface NamedUser {
  id: string;
  username: string;
  kind: UserKind;
  role: UserRole;
}

/**
 * Users that are programs. A bot has no password and signs in nowhere: an application that was registered with it gets its tokens. The
 * rules of users hold for it. Only an operator makes one an admin.
 */
export class Bots {
  constructor(
    private readonly db: Database,
    private readonly onChange: UserChangeListener,
    private readonly creation: BotCreation = 'admins',
  ) {}

  /**
   * Makes a bot with the role `user`. Admins make bots for every person; where everybody may (`BotCreation`), people do for themselves.
   * @throws DomainError `BAD_USER_INPUT` for an invalid username, and for an owner who is no active person; `CONFLICT` for a taken
   * username, and, rule `bots.full`, for who has `MAX_OWN_BOTS`; `FORBIDDEN` for who may not, when the admin is no longer one, and, field
   * `ownerId`, for another owner than oneself; `UNAUTHENTICATED` when the sign-in has ended
   */
  async create(viewer: Viewer, given: string, owner: string): Promise<Bot> {
    if (this.creation === 'admins') requireAdmin(viewer);
    const username = checkUsername(given);
    const ownerId = canonicalId(owner);
    const bot = await whenFree(() =>
      transaction(this.db, async (connection) => {
        await this.requireMaker(connection, viewer, ownerId);
        const { rowCount } = await connection.query(
          `SELECT 1 FROM users WHERE id = $1 AND kind = 'human' AND is_active FOR KEY SHARE`,
          [ownerId ?? null],
        );
        if (rowCount === 0) throw badInput('ownerId', 'ownerId must be the id of a person who is active.');
        const id = uuidv7();
        const values = [id, username, usernameKey(username), 'user', ownerId];
        const { rows } = await connection.query<Bot>(INSERT, values);
        await writeAudit(connection, viewer, [botCreated(id, 'user', ownerId)]);
        return rows[0];
      }),
    );
    if (!bot) throw new Error('The new bot has no row.');
    return bot;
  }

  private async requireMaker(connection: PoolClient, viewer: Viewer, ownerId: string | undefined): Promise<void> {
    if (isAdmin(viewer) || this.creation === 'admins') return requireActingAdmin(connection, viewer);
    const id = await requireActingPerson(connection, viewer);
    if (ownerId !== id)
      throw new DomainError('FORBIDDEN', 'Only admins make bots for others.', { field: 'ownerId', rule: 'bots.owner' });
    const { rows } = await connection.query<{ count: number }>(COUNT_OF_OWNER, [id]);
    if (rows[0] && rows[0].count >= MAX_OWN_BOTS)
      throw new DomainError('CONFLICT', `You have ${MAX_OWN_BOTS} bots, which is the limit.`, { rule: 'bots.full' });
  }

  /** A page of all bots, in the order of their creation. */
  async list(page: { first: number; after: string | undefined }): Promise<Bot[]> {
    return query<Bot>(this.db, LIST, await this.valuesOf(page));
  }

  /**
   * The same for a viewer: admins are told of all, and where everybody makes bots, people of their own.
   * @throws DomainError `UNAUTHENTICATED`, `FORBIDDEN`
   */
  async listFor(viewer: Viewer | null, page: { first: number; after: string | undefined }): Promise<Bot[]> {
    if (isAdmin(viewer) || this.creation === 'admins') {
      requireAdmin(viewer);
      return this.list(page);
    }
    return query<Bot>(this.db, LIST_OF_OWNER, [...(await this.valuesOf(page)), requireUser(viewer).id]);
  }

  private async valuesOf({ first, after }: { first: number; after: string | undefined }) {
    return [await createdSeqOf(this.db, 'users', after), first];
  }

  /**
   * The id of the bot with this name, for an application that an operator registers. Makes it when there is no user of this name.
   * @param role the bot gets it; undefined keeps the bot's role, and makes a new one with the role `user`
   * @throws DomainError `BAD_USER_INPUT` for an invalid username, `CONFLICT` when a person has it
   */
  async forService(given: string, role: UserRole | undefined): Promise<string> {
    const username = checkUsername(given);
    const { id, isChanged } = await whenFree(() =>
      transaction(
        this.db,
        async (connection) => {
          const { rows } = await connection.query<NamedUser>(
            'SELECT id, username, kind, role FROM users WHERE username = ANY ($1::text[]) OR username_key = $2 FOR NO KEY UPDATE',
            [[given, normalizeName(given)], usernameKey(username)],
          );
          const known = pickByUsername(rows, username);
          if (!known) {
            const id = uuidv7();
            await connection.query(INSERT, [id, username, usernameKey(username), role ?? 'user', null]);
            await writeAudit(connection, undefined, [botCreated(id, role ?? 'user', undefined)]);
            return { id, isChanged: false };
          }
          if (known.kind !== 'bot')
            throw new DomainError(
              'CONFLICT',
              `The user ${username} is a person: choose another name for the service user.`,
              {
                field: 'serviceUser',
              },
            );
          const isChanged = role !== undefined && role !== known.role;
          if (isChanged) {
            await connection.query('UPDATE users SET role = $2::user_role WHERE id = $1', [known.id, role]);
            const data = { changed: ['role'], role };
            await writeAudit(connection, undefined, [{ action: 'user.updated', target: known.id, data }]);
          }
          return { id: known.id, isChanged };
        },
        { lock: USER_CHANGES_LOCK },
      ),
    );
    if (isChanged) await this.onChange({ userId: id, endedFamilyIds: [] });
    return id;
  }
}

function botCreated(id: string, role: UserRole, ownerId: string | undefined): AuditAct {
  return { action: 'bot.created', target: id, data: { role, owner: ownerId ?? null } };
}

/** @throws DomainError `CONFLICT` when the username is taken */
async function whenFree<Result>(insert: () => Promise<Result>): Promise<Result> {
  try {
    return await insert();
  } catch (error) {
    throw isUniqueViolation(error) ? usernameTaken() : error;
  }
}
