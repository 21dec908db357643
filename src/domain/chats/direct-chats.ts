import { v7 as uuidv7 } from 'uuid';
import { type Database, query } from '../database.js';
import { badInput, DomainError } from '../errors.js';
import type { Announce } from '../log/chat-events.js';
import type { ChatHead } from '../log/chat-log.js';
import { profileOfJson } from '../log/message-rows.js';
import { signInEnded } from '../people/acting-admin.js';
import type { UserProfile } from '../profile.js';
import { canonicalId } from '../text.js';
import { requireScope, requireUser, type Viewer } from '../viewer.js';
import type { ChatMutex } from './chat-mutex.js';
import { newEpoch } from './epochs.js';

/** The result of `open_direct_chat`; its file in `prisma/functions` explains each outcome. */
interface Opened {
  outcome: 'created' | 'repeated' | 'no_user' | 'inactive' | 'signed_out';
  chat_id: string;
  epoch: string;
  seq: number;
  at: Date;
  /** The other user. */
  other: UserProfile;
}

const OPEN = { name: 'chat-open-direct', text: 'SELECT * FROM open_direct_chat($1, $2, $3, $4, $5)' };

/** Opens direct chats: two users have at most one, for ever. */
export class DirectChats {
  constructor(
    private readonly db: Database,
    private readonly mutex: ChatMutex,
    private readonly announce: Announce,
  ) {}

  /**
   * Returns the head of the direct chat of the viewer and another user, which it makes if they have none. Everybody who opens it gets
   * the same chat, also at once and on several processes.
   * @throws DomainError `BAD_USER_INPUT`, field `userId`, for the viewer's own id; `NOT_FOUND`, field `userId`; `FORBIDDEN`, rule
   * `user.inactive`, for a user who is not active; `FORBIDDEN`, rule `user.guest`, for a guest; `UNAUTHENTICATED` when the sign-in has ended; `SERVICE_UNAVAILABLE` while another
   * transaction holds the lock of the pair
   */
  async open(viewer: Viewer, given: string): Promise<ChatHead> {
    const user = requireUser(requireScope(viewer, 'write'));
    if (user.kind === 'guest') throw guestOpens();
    const other = canonicalId(given);
    if (other === undefined) throw noUser();
    if (other === user.id) throw badInput('userId', 'userId must be the id of another user.');
    const values = [uuidv7(), newEpoch(), user.id, viewer.familyId, other];
    // One at a time of each pair: those who wait for the pair's lock would occupy the pool's connections.
    const pair = [user.id, other].sort().join(' ');
    const [opened] = await this.mutex.run(pair, () => query<Opened>(this.db, OPEN, values));
    switch (opened?.outcome) {
      case 'created':
        this.announceMembers(user, opened);
        break;
      case 'repeated':
        break;
      case 'no_user':
        throw noUser();
      case 'inactive':
        throw inactive();
      case 'signed_out':
        throw signInEnded();
      default:
        throw new Error(`The opening of a direct chat has an unknown outcome: ${opened?.outcome}.`);
    }
    return { chatId: opened.chat_id, epoch: opened.epoch, seq: opened.seq };
  }

  /** Announces the two memberships with which the chat begins. */
  private announceMembers(actor: UserProfile, { chat_id: chatId, epoch, at: time, other }: Opened): void {
    const at = time.toISOString();
    for (const [index, subject] of [actor, profileOfJson(other)].entries()) {
      const membership = { role: 'member', joinedAt: at, mutedUntil: null } as const;
      this.announce({ type: 'member.added', chatId, epoch, seq: index + 1, at, actor, subject, membership });
    }
  }
}

function guestOpens(): DomainError {
  return new DomainError('FORBIDDEN', 'A guest opens no direct chats.', { rule: 'user.guest' });
}

function noUser(): DomainError {
  return new DomainError('NOT_FOUND', 'There is no such user.', { field: 'userId' });
}

function inactive(): DomainError {
  return new DomainError('FORBIDDEN', 'This user is not active.', { rule: 'user.inactive' });
}
