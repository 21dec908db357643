import type { ChatRole } from '../chat-role.js';
import { type Database, query } from '../database.js';
import { chatNotFound } from '../errors.js';
import type { Announce } from '../log/chat-events.js';
import { canonicalId } from '../text.js';
import { requireScope, requireUserIn, type Viewer } from '../viewer.js';
import { requireAction } from './chat-access.js';
import type { ChatMutex } from './chat-mutex.js';
import { lastOwner } from './chat-refusals.js';
import type { Member } from './member-lists.js';
import { type AccessRefusal, accessRefused, isAccessRefusal } from './refused-access.js';
import { rightOf } from './rights.js';
import { readStandings } from './standings.js';

/** The result of `join_chat` or `leave_chat`; their files in `prisma/functions` explain each outcome. */
interface Outcome {
  outcome: 'created' | 'removed' | 'hidden' | 'repeated' | 'banned' | 'last_owner' | AccessRefusal;
  epoch: string;
  seq: number;
  at: Date;
  role: ChatRole;
  joined_at: Date;
  /** Of a join. */
  muted_until?: Date | null;
}

const JOIN = {
  name: 'chat-join',
  text: 'SELECT outcome, epoch, seq, joined_at AS at, role, joined_at, muted_until FROM join_chat($1, $2, $3)',
};
const LEAVE = { name: 'chat-leave', text: 'SELECT * FROM leave_chat($1, $2, $3, $4)' };

/** Joins and leaves chats for the user who asks. */
export class OwnMembership {
  constructor(
    private readonly db: Database,
    private readonly mutex: ChatMutex,
    private readonly announce: Announce,
    /** The user's own state of a chat has changed. */
    private readonly stateChanged: (userId: string, chatId: string) => void,
  ) {}

  /**
   * Makes the viewer a member of a public chat, an admin of any group chat. A member stays what they are. Who comes back has the former
   * role, but at most `member`, and is still muted if they were.
   * @throws DomainError `NOT_FOUND`, also for a private chat and for who is banned, with the same message; `FORBIDDEN`, rule
   * `chat.archived`; `UNAUTHENTICATED`; `SERVICE_UNAVAILABLE` while the chat's row is locked
   */
  async join(viewer: Viewer, chat: string): Promise<Member> {
    const user = requireUserIn(requireScope(viewer, 'write'), chat);
    const chatId = canonicalId(chat);
    if (chatId === undefined) throw chatNotFound();
    const values = [chatId, user.id, viewer.familyId];
    const [change] = await this.mutex.run(chatId, () => query<Outcome>(this.db, JOIN, values));
    if (change?.outcome === 'banned') throw chatNotFound();
    if (change && isAccessRefusal(change.outcome)) throw accessRefused(change.outcome, 'read');
    if (change?.outcome !== 'created' && change?.outcome !== 'repeated')
      throw new Error(`A join has an unknown outcome: ${change?.outcome}.`);
    const { role, joined_at: joinedAt } = change;
    if (change.outcome === 'created') this.tell('member.added', viewer, chatId, change);
    return { chatId, role, joinedAt, mutedUntil: change.muted_until ?? null, user };
  }

  /**
   * Ends the viewer's membership; in a direct chat, hides the chat until its next message.
   * @throws DomainError `NOT_FOUND`; `FORBIDDEN`, rule `chat.not_member`, for an admin who is no member; `CONFLICT`, rule
   * `chat.last_owner`; `UNAUTHENTICATED`; `SERVICE_UNAVAILABLE` while the chat's row is locked
   */
  async leave(viewer: Viewer, chat: string): Promise<void> {
    const { id: userId } = requireUserIn(viewer, chat);
    const chatId = canonicalId(chat);
    if (chatId === undefined) throw chatNotFound();
    const [standing] = await readStandings(this.db, [{ chatId, userId }]);
    requireAction(viewer, standing, 'leave');
    const values = [chatId, userId, viewer.familyId, rightOf('leave', viewer)];
    const [change] = await this.mutex.run(chatId, () => query<Outcome>(this.db, LEAVE, values));
    if (change && isAccessRefusal(change.outcome)) throw accessRefused(change.outcome, 'leave');
    switch (change?.outcome) {
      case 'removed':
        return this.tell('member.removed', viewer, chatId, change);
      case 'hidden':
        return this.stateChanged(userId, chatId);
      case 'repeated':
        return;
      case 'last_owner':
        throw lastOwner();
      default:
        throw new Error(`Leaving a chat has an unknown outcome: ${change?.outcome}.`);
    }
  }

  private tell(type: 'member.added' | 'member.removed', viewer: Viewer, chatId: string, change: Outcome): void {
    const actor = requireUserIn(viewer, chatId);
    const { epoch, seq, at, role, joined_at, muted_until } = change;
    const mutedUntil = muted_until?.toISOString() ?? null;
    const membership = { role, joinedAt: joined_at.toISOString(), mutedUntil };
    const facts = type === 'member.removed' ? { facts: { cause: 'left' } } : {};
    this.announce({ type, chatId, epoch, seq, at: at.toISOString(), actor, subject: actor, membership, ...facts });
  }
}
