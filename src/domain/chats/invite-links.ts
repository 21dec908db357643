import { v7 as uuidv7 } from 'uuid';
import type { ChatRole } from '../chat-role.js';
import { type Database, query } from '../database.js';
import { badInput, chatNotFound, DomainError } from '../errors.js';
import { canonicalId } from '../text.js';
import { requireScope, requireUserIn, type Viewer } from '../viewer.js';
import { isAtLeast, requireAction } from './chat-access.js';
import type { ChatMutex } from './chat-mutex.js';
import { needsRole } from './chat-refusals.js';
import { INVITATION_DAYS, INVITE_RIGHT, REVOKES_OTHERS, refusedBy } from './invitations.js';
import { hashInviteCode, newInviteCode } from './invite-code.js';
import type { AccessRefusal } from './refused-access.js';
import { rightOf } from './rights.js';
import { readStandings } from './standings.js';

/** A code by which people join a chat. */
export interface InviteLink {
  id: string;
  /** Known only to who made it, in the answer that did. */
  code: string | null;
  role: ChatRole;
  expiresAt: Date;
  /** Null: as many as come. */
  maxUses: number | null;
  uses: number;
  createdAt: Date;
}

export interface NewInviteLink {
  chatId: string;
  /** Default: `member`. */
  role?: ChatRole | null | undefined;
  /** Default: in 7 days. */
  expiresAt?: Date | null | undefined;
  /** Default: as many as come. */
  maxUses?: number | null | undefined;
}

/** Days. */
export const MAX_LINK_DAYS = 30;
export const MAX_LINK_USES = 100_000;
/** Most open links of a chat. */
export const MAX_LINKS = 100;
const DAY_MS = 86_400_000;

interface Created {
  outcome: 'created' | 'rank' | 'full' | 'no_chat' | AccessRefusal;
  needs: ChatRole | null;
  created_at: Date;
}

const CREATE = {
  name: 'invite-link-create',
  text: 'SELECT * FROM create_invite_link($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)',
};
const LIST = {
  name: 'invite-links',
  text: `SELECT id, NULL AS code, role, expires_at AS "expiresAt", max_uses AS "maxUses", uses, created_at AS "createdAt" FROM invite_links
    WHERE chat_id = $1 AND expires_at > now() AND ($2::uuid IS NULL OR maker_id = $2)
      AND may_still_invite(chat_id, maker_id, role, $3::jsonb) ORDER BY expires_at DESC, id LIMIT ${MAX_LINKS}`,
};

/** The links of chats. `Invitations` accepts and revokes them. */
export class InviteLinks {
  constructor(
    private readonly db: Database,
    private readonly mutex: ChatMutex,
  ) {}

  /**
   * @throws DomainError `BAD_USER_INPUT` for a time that is not within the next 30 days, and for `maxUses` out of 1 to 100,000; `NOT_FOUND`;
   * `FORBIDDEN` without the right, and, rule `chat.role`, for a role that the viewer cannot give; `CONFLICT`, rule `chat.links_full`, when
   * the chat has 100 links that are open
   */
  async create(viewer: Viewer, { chatId: given, role, expiresAt, maxUses }: NewInviteLink): Promise<InviteLink> {
    const { chatId, actorId } = await this.requireInvite(requireScope(viewer, 'write'), given);
    const now = Date.now();
    const ends = expiresAt ?? new Date(now + INVITATION_DAYS * DAY_MS);
    // A minute for who computes the longest time with another clock.
    if (!(ends.getTime() > now && ends.getTime() <= now + MAX_LINK_DAYS * DAY_MS + 60_000))
      throw badInput('expiresAt', `expiresAt must be within the next ${MAX_LINK_DAYS} days.`);
    if (maxUses != null && (!Number.isInteger(maxUses) || maxUses < 1 || maxUses > MAX_LINK_USES))
      throw badInput('maxUses', `maxUses must be from 1 to ${MAX_LINK_USES}.`);
    const [id, code] = [uuidv7(), newInviteCode()];
    const link = { id, role: role ?? ('member' as const), expiresAt: ends, maxUses: maxUses ?? null };
    const values = [
      ...[chatId, actorId, viewer.familyId, rightOf('invite', viewer), id, hashInviteCode(code)],
      ...[link.role, ends, link.maxUses, MAX_LINKS],
    ];
    const [row] = await this.mutex.run(chatId, () => query<Created>(this.db, CREATE, values));
    switch (row?.outcome) {
      case 'created':
        return { ...link, code, uses: 0, createdAt: row.created_at };
      case 'rank':
        throw needsRole(row.needs ?? 'owner');
      case 'full':
        throw new DomainError('CONFLICT', `The chat has ${MAX_LINKS} open links: revoke some.`, {
          rule: 'chat.links_full',
        });
      default:
        throw refusedBy(row);
    }
  }

  /** The open links of a chat, without their codes: all for moderators, otherwise those that the viewer made. @throws DomainError as `create` */
  async list(viewer: Viewer, given: string): Promise<InviteLink[]> {
    const { chatId, actorId, seesAll } = await this.requireInvite(requireScope(viewer, 'read'), given);
    return query<InviteLink>(this.db, LIST, [chatId, seesAll ? null : actorId, INVITE_RIGHT]);
  }

  private async requireInvite(viewer: Viewer, given: string) {
    const { id: actorId } = requireUserIn(viewer, given);
    const chatId = canonicalId(given);
    if (chatId === undefined) throw chatNotFound();
    const [standing] = await readStandings(this.db, [{ chatId, userId: actorId }]);
    requireAction(viewer, standing, 'invite');
    return { chatId, actorId, seesAll: isAtLeast(viewer, standing, REVOKES_OTHERS) };
  }
}
