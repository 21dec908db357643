import type { ChatRole } from '../chat-role.js';
import { type Database, query, type Statement } from '../database.js';
import { DomainError } from '../errors.js';
import type { Announce, KnownEntry } from '../log/chat-events.js';
import { PROFILE_FIELDS, toProfile, type UserProfile } from '../profile.js';
import { isUuid } from '../text.js';
import { requireUserIn, type Viewer } from '../viewer.js';
import { requireAction } from './chat-access.js';
import type { ChatMutex } from './chat-mutex.js';
import { adminNotMuted, chatArchived, lastOwner, rankTooLow, timePast, userBanned } from './chat-refusals.js';
import { type AccessRefusal, accessRefused, isAccessRefusal } from './refused-access.js';
import { type ChatAction, rightOf } from './rights.js';
import { readStandings } from './standings.js';

/** A row of a database function that changes a membership; the function's file in `prisma/functions` explains each outcome. */
export interface MembershipChange {
  outcome:
    | ('created' | 'updated' | 'removed' | 'repeated' | 'banned' | 'unbanned')
    | AccessRefusal
    | 'no_admin'
    | ('no_user' | 'no_member' | 'rank' | 'last_owner' | 'admin' | 'past');
  epoch: string;
  seq: number;
  at: Date;
  /** The member's role: after an addition, before a removal or a change. */
  role: ChatRole;
  joined_at: Date;
  muted_until?: Date | null;
}

/** The ids in lower case, as PostgreSQL writes them: topics and comparisons use an id's text. */
export interface Target {
  chatId: string;
  userId: string;
}

/** Who does it; both undefined or null for the operator. */
export interface Actor {
  user: UserProfile | null;
  viewer?: Viewer | undefined;
}

/** The members of an event about a member, beside those of every event. */
type MemberEntry = Pick<KnownEntry, 'type' | 'facts'>;

/** What changes of a member have in common: who may, the statement, its refusals, and the event. */
export class MembershipChanges {
  constructor(
    readonly db: Database,
    private readonly mutex: ChatMutex,
    private readonly announce: Announce,
  ) {}

  /** Refuses before it waits for the chat's row. The statement checks again under that lock. */
  async requireRight(action: ChatAction, chat: string, member: string, viewer: Viewer | undefined): Promise<Target> {
    if (viewer) {
      const place = { chatId: chat, userId: requireUserIn(viewer, chat).id };
      const [standing] = isUuid(chat) ? await readStandings(this.db, [place]) : [];
      requireAction(viewer, standing, action);
    }
    return targetOf(chat, member);
  }

  /**
   * Runs a statement whose first parameters are the chat, the user, the actor, the sign-in and the right.
   * @throws DomainError for an outcome that is a refusal
   */
  async act(
    { chatId, userId }: Target,
    { user, viewer }: Actor,
    action: ChatAction,
    statement: Statement,
    values: readonly (string | null)[] = [],
  ): Promise<MembershipChange> {
    const all = [chatId, userId, user?.id ?? null, viewer?.familyId ?? null, rightOf(action, viewer), ...values];
    return this.run({ chatId, userId }, statement, all, action);
  }

  /** @throws DomainError for an outcome that is a refusal, except `no_admin` */
  async run(
    { chatId }: Target,
    statement: Statement,
    values: readonly (string | null)[],
    action: ChatAction,
  ): Promise<MembershipChange> {
    const [change] = await this.mutex.run(chatId, () => query<MembershipChange>(this.db, statement, [...values]));
    if (!change) throw new Error(`The statement ${statement.name} gave no row.`);
    const refusal = refusalOf(change, action);
    if (refusal) throw refusal;
    return change;
  }

  /** Announces the event of a change. */
  async tell({ type, facts }: MemberEntry, { chatId, userId }: Target, actor: Actor, change: MembershipChange) {
    const { epoch, seq, at, role, joined_at, muted_until } = change;
    const subject = toProfile(
      await this.db.prisma.user.findUniqueOrThrow({ where: { id: userId }, select: PROFILE_FIELDS }),
    );
    const membership = {
      role,
      joinedAt: joined_at.toISOString(),
      mutedUntil: muted_until ? muted_until.toISOString() : null,
    };
    this.announce({
      ...{ type, chatId, epoch, seq, at: at.toISOString(), actor: actor.user, subject, membership },
      ...(facts && { facts }),
    });
  }
}

export function targetOf(chat: string, member: string): Target {
  if (!isUuid(chat)) throw notFound('chat');
  if (!isUuid(member)) throw notFound('user');
  return { chatId: chat.toLowerCase(), userId: member.toLowerCase() };
}

export function notFound(what: 'chat' | 'user'): DomainError {
  return new DomainError('NOT_FOUND', `There is no such ${what}.`, { field: `${what}Id` });
}

function refusalOf({ outcome, role }: MembershipChange, action: ChatAction): Error | undefined {
  switch (outcome) {
    case 'created':
    case 'updated':
    case 'removed':
    case 'repeated':
    case 'unbanned':
    case 'no_admin':
      return undefined;
    case 'banned':
      return action === 'ban' ? undefined : userBanned();
    case 'no_chat':
      return notFound('chat');
    case 'archived':
      return chatArchived();
    case 'no_user':
    case 'no_member':
      return notFound('user');
    case 'rank':
      return rankTooLow(role);
    case 'last_owner':
      return lastOwner();
    case 'admin':
      return adminNotMuted();
    case 'past':
      return timePast('until');
    default:
      return isAccessRefusal(outcome)
        ? accessRefused(outcome, action)
        : new Error(`A change of members has an unknown outcome: ${outcome}.`);
  }
}
