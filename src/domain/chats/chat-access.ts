import { CHAT_ROLES, type ChatRole } from '../chat-role.js';
import { chatNotFound, type DomainError } from '../errors.js';
import { isAdmin, requireScope, type Scope, type Viewer } from '../viewer.js';
import {
  chatArchived,
  directBlocked,
  muted,
  needsRole,
  notInDirectChat,
  notMember,
  postingRoleTooLow,
  tooSoon,
  userInactive,
} from './chat-refusals.js';
import { CHAT_ACTIONS, type ChatAction, FREE_OF_SLOW_MODE, type NeededRole, neededRole, ruleOf } from './rights.js';
import type { Standing } from './standings.js';

/** Who asks, apart from who they are in the chat. */
export interface Subject {
  isAdmin: boolean;
  /** Through a token that is narrowed to chats, which has the rights of a member at most. */
  isNarrowed: boolean;
  isActive: boolean;
}

/** Why an action is refused. */
export interface Denial {
  error: DomainError;
  /** When it ends by itself; undefined when it does not. */
  until?: Date;
}

/** One check of a decision. */
export interface AccessCheck {
  /** The rule that it checks. */
  rule: string;
  /** Undefined when it passed. */
  denial: Denial | undefined;
}

type Check = (subject: Subject, standing: Standing, action: ChatAction) => DomainError | Denial | false | undefined;

/** By rule, in the order in which they are asked. The functions in `prisma/functions` check in the same order. */
const CHECKS: readonly (readonly [rule: string, check: Check])[] = [
  ['user.inactive', ({ isActive }) => !isActive && userInactive()],
  ['chat.deleted', (_subject, { isDeleted }) => isDeleted && chatNotFound()],
  [
    'chat.not_member',
    (subject, standing, action) => {
      if (standing.role !== undefined) return false;
      if (!actsAsAdmin(subject, standing)) return chatNotFound();
      return ruleOf(action).ofMembers && notMember();
    },
  ],
  ['chat.direct', (_subject, standing, action) => neededRole(action, standing) === 'never' && notInDirectChat()],
  [
    'chat.role',
    (subject, standing, action) => {
      const needed = neededRole(action, standing);
      return needed !== 'never' && !hasRole(subject, standing, needed) && needsRole(needed);
    },
  ],
  [
    'chat.archived',
    (_subject, { isArchived }, action) => isArchived && !ruleOf(action).whileArchived && chatArchived(),
  ],
  [
    'chat.posting_role',
    (subject, standing, action) =>
      ruleOf(action).posts &&
      !hasRole(subject, standing, standing.postingRole) &&
      postingRoleTooLow(standing.postingRole),
  ],
  [
    'direct.blocked',
    (_subject, { kind, mutedUntil }, action) =>
      kind === 'direct' && mutedUntil !== null && ruleOf(action).posts && directBlocked(),
  ],
  [
    'member.muted',
    (subject, { kind, mutedUntil }, action) => {
      if (!mutedUntil || kind === 'direct' || subject.isAdmin || ruleOf(action).whileMuted) return false;
      return { error: muted(), until: mutedUntil };
    },
  ],
  [
    'chat.slow_mode',
    (subject, standing, action) => {
      const { slowUntil, slowMs } = standing;
      if (!slowUntil || !ruleOf(action).isSend || hasRole(subject, standing, FREE_OF_SLOW_MODE)) return false;
      return { error: tooSoon(slowMs), until: slowUntil };
    },
  ],
];

/**
 * Decides whether the subject may do this in the chat: the checks up to the first that does not pass, with that one. This is the one
 * decision that every edge asks; a statement that writes asks again in its transaction.
 */
export function decide(subject: Subject, standing: Standing, action: ChatAction): AccessCheck[] {
  const { partOf } = ruleOf(action);
  const checks: AccessCheck[] = partOf ? decide(subject, standing, partOf) : [];
  if (checks.at(-1)?.denial) return checks;
  for (const [rule, check] of partOf ? CHECKS.filter(([each]) => each === 'chat.role') : CHECKS) {
    const refused = check(subject, standing, action) || undefined;
    const denial = refused instanceof Error ? { error: refused } : refused;
    checks.push({ rule, denial });
    if (denial) break;
  }
  return checks;
}

function denialOf(subject: Subject, standing: Standing, action: ChatAction): Denial | undefined {
  return decide(subject, standing, action).at(-1)?.denial;
}

/** A viewer is active: an inactive user has no token that works. */
export function subjectOf(viewer: Viewer | null): Subject {
  return { isAdmin: isAdmin(viewer), isNarrowed: viewer?.chats !== undefined, isActive: true };
}

/**
 * The actions that the viewer's standing in a chat and the scopes of their token allow now; none in a chat that does not exist. The
 * caller has checked that the viewer may read the chat: so an admin who is no member of a direct chat reads it, and nothing else.
 */
export function allowedActions(viewer: Viewer | null, standing: Standing | undefined): ChatAction[] {
  if (!standing) return [];
  return CHAT_ACTIONS.filter((action) => isAllowed(viewer, standing, action));
}

/** Whether `allowedActions` has this one. */
export function isAllowed(viewer: Viewer | null, standing: Standing, action: ChatAction): boolean {
  const subject = subjectOf(viewer);
  if (!viewer?.scopes.has(scopeOf(action))) return false;
  return (action === 'read' && subject.isAdmin && !standing.isDeleted) || !denialOf(subject, standing, action);
}

/** Whether the viewer, who is this in a chat, may do what the needed role may. */
export function isAtLeast(viewer: Viewer | null, standing: Standing | undefined, needed: ChatRole): boolean {
  return standing !== undefined && hasRole(subjectOf(viewer), standing, needed);
}

/**
 * @throws DomainError `FORBIDDEN` when the token lacks the scope; `NOT_FOUND` when there is no such chat, or the viewer is neither a
 * member nor, in a group chat, an admin; `FORBIDDEN`, rules `chat.not_member`, `chat.direct`, `chat.role`, `chat.archived`,
 * `chat.posting_role`, `direct.blocked`, `member.muted`; `RATE_LIMITED`, rule `chat.slow_mode`
 */
export function requireAction(viewer: Viewer, standing: Standing | undefined, action: ChatAction): void {
  requireScope(viewer, scopeOf(action));
  if (!standing) throw chatNotFound();
  const denial = denialOf(subjectOf(viewer), standing, action);
  if (denial) throw denial.error;
}

export function hasRole(subject: Subject, standing: Standing, needed: NeededRole): boolean {
  if (actsAsAdmin(subject, standing)) return true;
  if (needed === 'admin' || standing.role === undefined) return false;
  const rank = rankOf(standing.role);
  return (subject.isNarrowed ? Math.min(rank, rankOf('member')) : rank) >= rankOf(needed);
}

/** A direct chat is its two members' alone. */
function actsAsAdmin(subject: Subject, { kind }: Standing): boolean {
  return subject.isAdmin && kind === 'group';
}

function scopeOf(action: ChatAction): Scope {
  return action === 'read' || action === 'readReports' ? 'read' : 'write';
}

function rankOf(role: ChatRole): number {
  return CHAT_ROLES.indexOf(role);
}
