import { type AccessCheck, decide, isAtLeast } from '../chats/chat-access.js';
import { needsRole } from '../chats/chat-refusals.js';
import type { ChatAction, LargeChats } from '../chats/rights.js';
import { readStandings, type Standing } from '../chats/standings.js';
import { type Database, query } from '../database.js';
import { chatNotFound, DomainError } from '../errors.js';
import type { ChatLog } from '../log/chat-log.js';
import type { ChatMessage } from '../log/chat-message.js';
import type { UserRole } from '../profile.js';
import { canonicalId } from '../text.js';
import { isAdmin, requireUserIn, type Viewer } from '../viewer.js';
import { messageNotFound } from './message-refusals.js';
import type { MessageRights } from './message-rights.js';

/** Whether a user may do something in a chat, and why. */
export interface AccessExplanation {
  allowed: boolean;
  /** The rule that refuses it; null when it is allowed. */
  rule: string | null;
  /** The checks in their order, up to the one that refuses. */
  chain: AccessStep[];
  /** When the refusal ends by itself; null when it does not. */
  until: Date | null;
}

export interface AccessStep {
  /** The rule that is checked. */
  check: string;
  passed: boolean;
  /** What a refused user is told. */
  detail: string | null;
}

export interface AccessQuestion {
  userId: string;
  chatId: string;
  action: ChatAction;
  /** Of `edit` and `delete`: the message. Without it, one of the user's own. */
  messageId?: string | null | undefined;
}

const SUBJECT = {
  name: 'explained-user',
  text: 'SELECT is_active AS "isActive", role FROM users WHERE id = $1',
};

/** Explains decisions: it asks what decides (`decide`, `MessageRights.decide`), and writes down each check. */
export class AccessExplanations {
  constructor(
    private readonly db: Database,
    private readonly chatLog: ChatLog,
    private readonly rights: MessageRights,
    private readonly largeChats: LargeChats,
  ) {}

  /**
   * Whether the user may do this in the chat now, apart from the scopes of a token. Everybody may ask about themselves; moderators and
   * owners of the chat, and admins, about everybody.
   * @throws DomainError `NOT_FOUND` for a chat that the viewer does not reach, but about themselves; for a user or a message that is not
   * there, with the field; `FORBIDDEN`, rule `chat.role`, for members who ask about others
   */
  async explain(viewer: Viewer, question: AccessQuestion): Promise<AccessExplanation> {
    const { id: viewerId } = requireUserIn(viewer, question.chatId);
    const [chatId, userId] = [canonicalId(question.chatId), canonicalId(question.userId)];
    const places = chatId === undefined ? [] : [viewerId, userId ?? viewerId].map((id) => ({ chatId, userId: id }));
    const [own, standing] = await readStandings(this.db, places, this.largeChats);
    if (userId !== viewerId) requireModerator(viewer, own);
    if (userId === undefined) throw userNotFound();
    const [user] = await query<{ isActive: boolean; role: UserRole }>(this.db, SUBJECT, [userId]);
    if (!user) throw userNotFound();
    const subject = { isAdmin: user.role === 'admin', isNarrowed: false, isActive: user.isActive };
    // Who is no member is told nothing of the chat, not even that there is one.
    if (!standing || (standing.role === undefined && !(subject.isAdmin && standing.kind === 'group')))
      return explanationOf(user.isActive ? NO_MEMBER : decide(subject, standing ?? NO_STANDING, question.action));
    const message = question.messageId == null ? undefined : await this.messageOf(standing, question);
    return explanationOf(
      message
        ? this.rights.decide({ ...subject, userId, standing }, question.action, message)
        : decide(subject, standing, question.action),
    );
  }

  private async messageOf(standing: Standing, { chatId, messageId }: AccessQuestion): Promise<ChatMessage | undefined> {
    if (standing.isDeleted) return undefined;
    const id = canonicalId(messageId ?? '');
    const [message] = id === undefined ? [] : await this.chatLog.messagesById([{ chatId: chatId.toLowerCase(), id }]);
    if (!message) throw messageNotFound('messageId');
    return message;
  }
}

/** Of a chat that is hidden from the user. */
const NO_STANDING: Standing = {
  ...{ kind: 'group', role: undefined, postingRole: 'member', invites: 'moderators' },
  ...{ isLarge: false, isArchived: false, isDeleted: false, mutedUntil: null, slowUntil: null, slowMs: 0 },
};

const NO_MEMBER: AccessCheck[] = [
  { rule: 'user.inactive', denial: undefined },
  { rule: 'chat.not_member', denial: { error: chatNotFound() } },
];

function requireModerator(viewer: Viewer, own: Standing | undefined): void {
  const reaches = own && !own.isDeleted && (own.role !== undefined || (isAdmin(viewer) && own.kind === 'group'));
  if (!reaches && !(own?.isDeleted && isAdmin(viewer) && own.kind === 'group')) throw chatNotFound();
  if (!isAtLeast(viewer, own, 'moderator')) throw needsRole('moderator');
}

function explanationOf(checks: readonly AccessCheck[]): AccessExplanation {
  const denied = checks.at(-1);
  const denial = denied?.denial;
  return {
    allowed: !denial,
    rule: denial && denied ? denied.rule : null,
    chain: checks.map(({ rule, denial: refused }) => ({
      check: rule,
      passed: !refused,
      detail: refused?.error.message ?? null,
    })),
    until: denial?.until ?? null,
  };
}

function userNotFound(): DomainError {
  return new DomainError('NOT_FOUND', 'There is no such user.', { field: 'userId' });
}
