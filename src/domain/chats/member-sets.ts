import type { ChatRole } from '../chat-role.js';
import { type Database, query } from '../database.js';
import { badInput, chatNotFound, DomainError } from '../errors.js';
import { isExternalId } from '../external-id.js';
import type { Announce } from '../log/chat-events.js';
import { profileOfJson } from '../log/message-rows.js';
import { notAdminError } from '../people/acting-admin.js';
import type { UserProfile } from '../profile.js';
import { checkLength, inRow, rowError } from '../row-errors.js';
import { canonicalId } from '../text.js';
import { requireUser, type Viewer } from '../viewer.js';
import type { ChatMutex } from './chat-mutex.js';
import { chatArchived, userBanned } from './chat-refusals.js';
import type { Member } from './member-lists.js';

/** A user, by one of their ids. */
export interface GivenMember {
  userId?: string | null | undefined;
  externalId?: string | null | undefined;
  /** Undefined or null: the role that the member has; of a new one `member`, or less if they had less before. */
  role?: ChatRole | null | undefined;
}

/** Either who is to be added and removed, or exactly whom the chat is to have. */
export interface MemberSet {
  add?: readonly GivenMember[] | null | undefined;
  remove?: readonly GivenMember[] | null | undefined;
  exactly?: readonly GivenMember[] | null | undefined;
}

/** Most members that one call names or changes. */
export const MAX_SET_MEMBERS = 1000;

/** A row of `set_chat_members`; its file in `prisma/functions` explains each outcome. */
type Row =
  | { outcome: 'no_admin' | 'direct' | 'no_chat' | 'archived' | 'too_many' }
  | { outcome: 'banned'; seq: number }
  | MemberRow;
interface MemberRow {
  outcome: 'changed' | 'member';
  epoch: string;
  seq: number;
  at: Date;
  kind: 'member.added' | 'member.updated' | 'member.removed';
  subject: UserProfile;
  role: ChatRole;
  joined_at: Date;
  muted_until: Date | null;
}

const SET = { name: 'chat-members-set', text: 'SELECT * FROM set_chat_members($1, $2, $3, $4, $5, $6, $7, $8)' };
const USERS = {
  name: 'users-of-either-id',
  text: `SELECT id, external_id AS "externalId" FROM users WHERE id = ANY ($1::uuid[])
    UNION SELECT id, external_id FROM users WHERE external_id = ANY ($2::text[])`,
};

interface FoundUser {
  id: string;
  externalId: string | null;
}

/** Changes many members of a chat at once, for admins. */
export class MemberSets {
  constructor(
    private readonly db: Database,
    private readonly mutex: ChatMutex,
    private readonly announce: Announce,
  ) {}

  /**
   * Adds, changes and removes members in one transaction. Each change takes a number, and the numbers are adjacent; who is as asked
   * already takes none. Returns the memberships of those in `add` or `exactly`, in their order.
   * @throws DomainError `BAD_USER_INPUT`, with a field like `add.3.externalId`, for a user who is not there or is named twice, and for
   * more than 1,000 members or changes; `NOT_FOUND`; `CONFLICT`, rules `chat.direct` and `user.banned`; `FORBIDDEN`, rule
   * `chat.archived`, for more than removals; `FORBIDDEN` or `UNAUTHENTICATED` as
   * `notAdminError`; `SERVICE_UNAVAILABLE` while the chat's row is locked
   */
  async set(admin: Viewer, chat: string, set: MemberSet): Promise<Member[]> {
    const actor = requireUser(admin);
    const { lists, isExact } = listsOf(set);
    const chatId = canonicalId(chat);
    if (chatId === undefined) throw chatNotFound();
    const [named, removed] = await this.find(lists);
    const values = [
      ...[chatId, actor.id, admin.familyId],
      named.map(({ id }) => id),
      named.map(({ role }) => role),
      removed.map(({ id }) => id),
      ...[isExact, MAX_SET_MEMBERS],
    ];
    const rows = await this.mutex.run(chatId, () => query<Row>(this.db, SET, values));
    const members: Member[] = [];
    for (const row of rows) {
      const {
        subject,
        role,
        joined_at: joinedAt,
        muted_until: mutedUntil,
        ...change
      } = await this.requireDone(admin, row, lists[0].field);
      const user = profileOfJson(subject);
      if (change.outcome === 'member') members.push({ chatId, role, joinedAt, mutedUntil, user });
      else {
        const { kind: type, epoch, seq } = change;
        const membership = {
          role,
          joinedAt: joinedAt.toISOString(),
          mutedUntil: mutedUntil ? mutedUntil.toISOString() : null,
        };
        const facts = type === 'member.removed' ? { facts: { cause: 'removed' } } : {};
        const at = change.at.toISOString();
        this.announce({ type, chatId, epoch, seq, at, actor, subject: user, membership, ...facts });
      }
    }
    return members;
  }

  /** The users that the lists name, each by id. @throws DomainError `BAD_USER_INPUT` */
  private async find(lists: readonly [NamedList, NamedList]): Promise<[FoundMember[], FoundMember[]]> {
    const given = lists.flatMap(({ members }) => members);
    const ids = given.map(({ userId }) => canonicalId(userId ?? '')).filter((id) => id !== undefined);
    const externalIds = given.map(({ externalId }) => externalId ?? '').filter(isExternalId);
    const found = await query<FoundUser>(this.db, USERS, [ids, externalIds]);
    const byId = new Map(found.map(({ id }) => [id, id]));
    const byExternalId = new Map(found.map(({ id, externalId }) => [externalId, id]));
    const known = new Set<string>();
    const resolve = ({ field, members }: NamedList) =>
      members.map((member, index) => {
        const name = member.userId == null ? 'externalId' : 'userId';
        const id =
          member.userId == null ? byExternalId.get(member.externalId ?? '') : byId.get(member.userId.toLowerCase());
        const refuse = (message: string) => rowError(field, index, badInput(name, message));
        if (id === undefined) throw refuse('There is no such user.');
        if (known.has(id)) throw refuse('This user is named twice.');
        known.add(id);
        return { id, role: member.role ?? null };
      });
    return [resolve(lists[0]), resolve(lists[1])];
  }

  private async requireDone(admin: Viewer, row: Row, field: string): Promise<MemberRow> {
    switch (row.outcome) {
      case 'changed':
      case 'member':
        return row;
      case 'no_admin':
        throw await notAdminError(this.db, admin);
      case 'no_chat':
        throw chatNotFound();
      case 'banned':
        throw rowError(field, row.seq - 1, userBanned());
      case 'archived':
        throw chatArchived();
      case 'direct':
        throw new DomainError('CONFLICT', 'A direct chat has the same two members for ever.', { rule: 'chat.direct' });
      case 'too_many':
        throw badInput(
          'exactly',
          `This would change more than ${MAX_SET_MEMBERS} members: remove some of them in calls before.`,
        );
    }
  }
}

interface NamedList {
  /** The argument, for errors. */
  field: string;
  members: readonly GivenMember[];
}

interface FoundMember {
  id: string;
  role: ChatRole | null;
}

/** Who is a member afterwards, and who is none. @throws DomainError `BAD_USER_INPUT` */
function listsOf({ add, remove, exactly }: MemberSet): { lists: [NamedList, NamedList]; isExact: boolean } {
  if (exactly && (add || remove)) throw badInput('exactly', 'exactly says it all: give no add or remove beside it.');
  const named = exactly ? { field: 'exactly', members: exactly } : { field: 'add', members: add ?? [] };
  const removed = { field: 'remove', members: remove ?? [] };
  checkLength(named.field, named.members, MAX_SET_MEMBERS);
  checkLength(removed.field, removed.members, MAX_SET_MEMBERS - named.members.length);
  for (const { field, members } of [named, removed])
    for (const [index, member] of members.entries()) inRow(field, index, () => checkMember(member));
  for (const [index, { role }] of removed.members.entries())
    if (role != null) throw rowError('remove', index, badInput('role', 'Who is removed has no role.'));
  return { lists: [named, removed], isExact: exactly != null };
}

function checkMember({ userId, externalId }: GivenMember): void {
  if ((userId == null) === (externalId == null)) throw badInput('userId', 'Give one of userId and externalId.');
}
