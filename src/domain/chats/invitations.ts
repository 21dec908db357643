import { v7 as uuidv7 } from 'uuid';
import type { ChatRole } from '../chat-role.js';
import { type Database, query } from '../database.js';
import { chatNotFound, DomainError } from '../errors.js';
import type { Announce } from '../log/chat-events.js';
import { profileOfJson } from '../log/message-rows.js';
import { signInEnded } from '../people/acting-admin.js';
import type { UserProfile } from '../profile.js';
import { CallRates } from '../queues/call-rates.js';
import { canonicalId } from '../text.js';
import { requireScope, requireUser, requireUserIn, type Viewer } from '../viewer.js';
import { requireAction } from './chat-access.js';
import type { ChatMutex } from './chat-mutex.js';
import { needsRole, userInactive } from './chat-refusals.js';
import { hashInviteCode } from './invite-code.js';
import type { Membership } from './memberships.js';
import { type AccessRefusal, accessRefused, isAccessRefusal } from './refused-access.js';
import { rightOf } from './rights.js';
import { readStandings } from './standings.js';

/** What somebody who is invited to a chat sees of it. */
export interface InvitedChat {
  id: string;
  name: string;
  topic: string;
  memberCount: number;
  /** ISO 8601, UTC, as all times here. */
  createdAt: string;
}

/** An invitation of a user to a chat. One that was accepted, declined or revoked has expired. */
export interface Invitation {
  id: string;
  userId: string;
  chat: InvitedChat;
  /** Null when the inviter's account is gone. */
  inviter: UserProfile | null;
  role: ChatRole;
  createdAt: string;
  expiresAt: string;
  /** The transaction that changed it last. */
  mark: number;
}

/** How long an invitation, and a link without another time, is good for. */
export const INVITATION_DAYS = 7;
/** Most invitations that a user is shown. */
export const MOST_INVITATIONS = 500;
const DAY_MS = 86_400_000;
/** The lowest role that revokes what others made. */
export const REVOKES_OTHERS: ChatRole = 'moderator';

/** What an invitation or a link stands on: whoever made it may still do so (`may_still_invite`). */
export const INVITE_RIGHT = rightOf('invite', null);

/** New invitations of one user. */
const INVITES = { calls: 100, windowMs: 60_000 };
/** Wrong codes of one network. */
const GUESSES = { calls: 20, windowMs: 60_000 };

type Refused = AccessRefusal | 'no_chat';

interface Invited {
  outcome: 'invited' | 'repeated' | 'member' | 'banned' | 'inactive' | 'no_user' | Refused;
  needs: ChatRole | null;
  id: string;
}

interface Accepted {
  outcome: 'created' | 'repeated' | 'no_code' | 'gone' | 'archived' | 'signed_out';
  chat_id: string;
  epoch: string;
  seq: number;
  joined_at: Date;
  role: ChatRole;
  muted_until: Date | null;
}

interface Revoked {
  outcome: 'revoked' | 'repeated' | 'gone' | 'not_yours' | Refused;
  needs: ChatRole | null;
  user_id: string | null;
}

interface Row {
  id: string;
  userId: string;
  chat: { id: string; name: string; topic: string; memberCount: number; createdAt: string };
  inviter: UserProfile | null;
  role: ChatRole;
  createdAt: Date;
  expiresAt: Date;
  mark: number;
}

const INVITE = { name: 'invite-to-chat', text: 'SELECT * FROM invite_to_chat($1, $2, $3, $4, $5, $6, $7)' };
const ACCEPT = { name: 'invitation-accept', text: 'SELECT * FROM accept_invitation($1, $2, $3, $4, $5)' };
const REVOKE = { name: 'invitation-revoke', text: 'SELECT * FROM revoke_invitation($1, $2, $3, $4, $5)' };
const DECLINE = {
  name: 'invitation-decline',
  text: `UPDATE invitations i SET expires_at = now(), mark = pg_current_xact_id()::text::bigint
    FROM (SELECT id, expires_at > now() AS open FROM invitations WHERE id = $1 AND user_id = $2 FOR NO KEY UPDATE) was
    WHERE i.id = was.id AND was.open RETURNING 1`,
};
const IS_OF = { name: 'invitation-is-of', text: 'SELECT 1 FROM invitations WHERE id = $1 AND user_id = $2' };

const COLUMNS = `i.id, i.user_id AS "userId", jsonb_build_object('id', c.id, 'name', c.name, 'topic', c.topic, 'memberCount', c.member_count,
    'createdAt', c.created_at) AS chat, profile_as_json(u) AS inviter, i.role, i.created_at AS "createdAt", i.expires_at AS "expiresAt",
    i.mark::float8 AS mark
  FROM invitations i JOIN chats c ON c.id = i.chat_id AND c.deleted_at IS NULL LEFT JOIN users u ON u.id = i.inviter_id`;
const BY_ID = { name: 'invitation-by-id', text: `SELECT ${COLUMNS} WHERE i.id = $1` };
const OPEN = {
  name: 'invitations-open',
  text: `SELECT ${COLUMNS} WHERE i.user_id = $1 AND i.expires_at > now() AND member_role(i.chat_id, i.user_id) IS NULL
      AND may_still_invite(i.chat_id, i.inviter_id, i.role, $2::jsonb)
    ORDER BY i.created_at DESC, i.id LIMIT ${MOST_INVITATIONS}`,
};
const CHANGED = {
  name: 'invitations-changed',
  text: `SELECT ${COLUMNS} WHERE i.user_id = $1 AND i.mark >= $2::float8::bigint ORDER BY i.mark, i.id LIMIT ${MOST_INVITATIONS}`,
};
const CHANGED_USERS = {
  name: 'invitations-changed-users',
  text: `SELECT w.user_id AS "userId" FROM unnest($1::uuid[], $2::float8[]) AS w (user_id, below)
    WHERE EXISTS (SELECT 1 FROM invitations i WHERE i.user_id = w.user_id AND i.mark >= w.below::bigint)`,
};

/** Called after COMMIT when invitations of a user have changed. */
export type InvitationListener = (userId: string) => void;

/** Invitations of users to chats, and accepting them or a link's code. */
export class Invitations {
  private readonly invites = new CallRates(INVITES);
  private readonly guesses = new CallRates(GUESSES);

  constructor(
    private readonly db: Database,
    private readonly mutex: ChatMutex,
    private readonly announce: Announce,
    private readonly onChange: InvitationListener,
  ) {}

  /**
   * Invites a user as a member. An open invitation is returned again.
   * @throws DomainError `NOT_FOUND` for a chat that the viewer does not reach, and, field `userId`, for a user who is not there or is banned
   * from the chat; `CONFLICT`, field `userId`, for a member; `FORBIDDEN` without the right, and, rule `user.inactive`, for a user who is
   * not active; `RATE_LIMITED`, rule `invite.rate`; `UNAUTHENTICATED` when the sign-in has ended
   */
  async invite(viewer: Viewer, chat: string, user: string): Promise<Invitation> {
    const actor = requireUserIn(requireScope(viewer, 'write'), chat);
    const [chatId, userId] = [canonicalId(chat), canonicalId(user)];
    if (chatId === undefined) throw chatNotFound();
    const [standing] = await readStandings(this.db, [{ chatId, userId: actor.id }]);
    requireAction(viewer, standing, 'invite');
    if (userId === undefined) throw noUser();
    const retryAfterMs = this.invites.count(actor.id);
    if (retryAfterMs > 0)
      throw limited('You have invited many people. Please wait a little.', 'invite.rate', retryAfterMs);
    const right = rightOf('invite', viewer);
    const expiresAt = new Date(Date.now() + INVITATION_DAYS * DAY_MS);
    const values = [chatId, userId, actor.id, viewer.familyId, right, uuidv7(), expiresAt];
    const [row] = await this.mutex.run(chatId, () => query<Invited>(this.db, INVITE, values));
    switch (row?.outcome) {
      case 'invited':
        this.onChange(userId);
        break;
      case 'repeated':
        break;
      case 'no_user':
      case 'banned':
        throw noUser();
      case 'member':
        throw new DomainError('CONFLICT', 'This user is a member of the chat already.', { field: 'userId' });
      case 'inactive':
        throw userInactive();
      default:
        throw refusedBy(row);
    }
    return this.require(row.id);
  }

  /** The viewer's open invitations, newest first. @throws DomainError as `requireUser` */
  async list(viewer: Viewer | null): Promise<Invitation[]> {
    const rows = await query<Row>(this.db, OPEN, [requireUser(viewer).id, INVITE_RIGHT]);
    return rows.map(ofRow);
  }

  /** The user's invitations that were changed by transactions from this one on, ended ones too. */
  async changedSince(userId: string, mark: number): Promise<Invitation[]> {
    return (await query<Row>(this.db, CHANGED, [userId, mark])).map(ofRow);
  }

  /** Which users have such invitations, by user at a mark of at least the given one. */
  async usersChangedSince(since: ReadonlyMap<string, number>): Promise<string[]> {
    const rows = await query<{ userId: string }>(this.db, CHANGED_USERS, [[...since.keys()], [...since.values()]]);
    return rows.map(({ userId }) => userId);
  }

  /**
   * Makes the viewer a member, by an invitation or by a link's code. Who is a member already uses nothing up.
   * @param network where the request came from, for counting codes that never existed
   * @throws DomainError `BAD_USER_INPUT` unless one of both is given; `NOT_FOUND`, field `id` or `code`, for what is not there, has ended, is
   * used up or was made by somebody who may not invite any more, and for who is banned; `FORBIDDEN`, rule `chat.archived`; `RATE_LIMITED`, rule `invite.guesses`, after 20 wrong codes in a
   * minute; `UNAUTHENTICATED` when the sign-in has ended
   */
  async accept(
    viewer: Viewer,
    { id, code, network }: { id?: string | null | undefined; code?: string | null | undefined; network: string },
  ): Promise<Membership> {
    const user = requireUser(requireScope(viewer, 'write'));
    if ((id == null) === (code == null))
      throw new DomainError('BAD_USER_INPUT', 'Give one of id and code.', { field: 'code' });
    const field = code == null ? 'id' : 'code';
    const invitationId = canonicalId(id ?? '');
    if (code == null && invitationId === undefined) throw gone(field);
    if (code != null) this.requireGuess(network);
    const codeHash = code == null ? null : hashInviteCode(code);
    const values = [user.id, viewer.familyId, invitationId ?? null, codeHash, INVITE_RIGHT];
    const key = codeHash ? codeHash.toString('hex') : `${invitationId}`;
    const [row] = await this.mutex.run(key, () => query<Accepted>(this.db, ACCEPT, values));
    switch (row?.outcome) {
      case 'created':
        this.joined(user, row);
        this.onChange(user.id);
        break;
      case 'repeated':
        break;
      case 'no_code':
        this.guesses.count(network);
        throw gone(field);
      case 'gone':
        throw gone(field);
      case 'archived':
        throw accessRefused('archived', 'invite');
      case 'signed_out':
        throw signInEnded();
      default:
        throw new Error(`The acceptance of an invitation has an unknown outcome: ${row?.outcome}.`);
    }
    return {
      chatId: row.chat_id,
      userId: user.id,
      role: row.role,
      joinedAt: row.joined_at,
      mutedUntil: row.muted_until,
    };
  }

  /** Returns false when the invitation had ended already. @throws DomainError `NOT_FOUND`, field `id`, for one that is not the viewer's */
  async decline(viewer: Viewer, given: string): Promise<boolean> {
    const { id: userId } = requireUser(requireScope(viewer, 'write'));
    const id = canonicalId(given);
    if (id === undefined) throw gone('id');
    const declined = await query(this.db, DECLINE, [id, userId]);
    if (declined.length > 0) {
      this.onChange(userId);
      return true;
    }
    if ((await query(this.db, IS_OF, [id, userId])).length === 0) throw gone('id');
    return false;
  }

  /**
   * Ends an invitation or a link. Who made it may, and moderators. Returns false when it had ended already.
   * @throws DomainError `NOT_FOUND`, field `id`; `FORBIDDEN`, rule `chat.role`, and as `invite`
   */
  async revoke(viewer: Viewer, given: string): Promise<boolean> {
    const actor = requireUser(requireScope(viewer, 'write'));
    const id = canonicalId(given);
    if (id === undefined) throw gone('id');
    const values = [id, actor.id, viewer.familyId, rightOf('invite', viewer), REVOKES_OTHERS];
    const [row] = await this.mutex.run(id, () => query<Revoked>(this.db, REVOKE, values));
    switch (row?.outcome) {
      case 'revoked':
        if (row.user_id !== null) this.onChange(row.user_id);
        return true;
      case 'repeated':
        return false;
      case 'gone':
      case 'no_chat':
      case 'outsider':
        throw gone('id');
      case 'not_yours':
        throw needsRole(REVOKES_OTHERS);
      default:
        throw refusedBy(row);
    }
  }

  private async require(id: string): Promise<Invitation> {
    const [row] = await query<Row>(this.db, BY_ID, [id]);
    if (!row) throw chatNotFound();
    return ofRow(row);
  }

  /** @throws DomainError `RATE_LIMITED`, rule `invite.guesses` */
  private requireGuess(network: string): void {
    const retryAfterMs = this.guesses.left(network);
    if (retryAfterMs > 0)
      throw limited('Too many codes that do not exist. Please wait a little.', 'invite.guesses', retryAfterMs);
  }

  private joined(user: UserProfile, { chat_id: chatId, epoch, seq, joined_at, role, muted_until }: Accepted): void {
    const at = joined_at.toISOString();
    const membership = { role, joinedAt: at, mutedUntil: muted_until?.toISOString() ?? null };
    this.announce({ type: 'member.added', chatId, epoch, seq, at, actor: user, subject: user, membership });
  }
}

/** @throws Error for an outcome that is none */
export function refusedBy(row: { outcome: string; needs: ChatRole | null } | undefined): DomainError {
  if (row?.outcome === 'no_chat') return chatNotFound();
  if (row && isAccessRefusal(row.outcome)) return accessRefused(row.outcome, 'invite', row.needs ?? undefined);
  throw new Error(`An invitation has an unknown outcome: ${row?.outcome}.`);
}

function ofRow({ chat, inviter, createdAt, expiresAt, ...row }: Row): Invitation {
  return {
    ...row,
    chat: { ...chat, createdAt: new Date(chat.createdAt).toISOString() },
    inviter: inviter && profileOfJson(inviter),
    createdAt: createdAt.toISOString(),
    expiresAt: expiresAt.toISOString(),
  };
}

function gone(field: string): DomainError {
  return new DomainError('NOT_FOUND', 'There is no such invitation, or it is over.', { field });
}

function noUser(): DomainError {
  return new DomainError('NOT_FOUND', 'There is no such user.', { field: 'userId' });
}

function limited(message: string, rule: string, retryAfterMs: number): DomainError {
  return new DomainError('RATE_LIMITED', message, { rule, retryAfterMs });
}
