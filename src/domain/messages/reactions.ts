import { chatArchived, muted, roleTooLow } from '../chats/chat-refusals.js';
import { answerTimeoutMs, type Database, databaseTimeout, query } from '../database.js';
import { badInput, chatBusy, chatNotFound, DomainError, databaseAway } from '../errors.js';
import { type ChatMessage, MAX_REACTION_EMOJI } from '../log/chat-message.js';
import { profileOfJson } from '../log/message-rows.js';
import type { UserProfile } from '../profile.js';
import { batched } from '../queues/batched.js';
import { Batcher } from '../queues/batcher.js';
import { CallRates } from '../queues/call-rates.js';
import { canonicalId } from '../text.js';
import { requireScope, requireUserIn, type Viewer } from '../viewer.js';
import { canonicalEmoji } from './emoji.js';
import { messageDeleted, messageNotFound } from './message-refusals.js';
import { type PendingReaction, type ReactionRefusal, type ReactionResult, react } from './react.js';
import type { MessagePlace } from './reaction-summaries.js';
import { classifyFailure } from './waiting-send.js';

export interface ReactionInput {
  chatId: string;
  messageId: string;
  emoji: string;
}

/** The reactions to one message with one emoji. */
export interface ReactionPlace extends MessagePlace {
  emoji: string;
}

/** A page of the users who reacted, those who did last first. */
export interface ReactorPage {
  first: number;
  /** Only users who reacted before this one. */
  after?: string | undefined;
}

interface MineRequest {
  userId: string;
  places: readonly ReactionPlace[];
}

/** Most reactions in one statement, and most that wait. */
const MAX_BATCH = 200;
const MAX_WAITING = 10_000;
/** Of one user in this process. */
const RATE = { calls: 60, windowMs: 60_000 };
/** The id of no message. */
const NO_MESSAGE = '00000000-0000-0000-0000-000000000000';

const MINE = {
  name: 'reactions-mine',
  text: `SELECT asked.place::int FROM unnest($1::uuid[], $2::int[], $3::text[], $4::uuid[]) WITH ORDINALITY
      AS asked (chat_id, seq, emoji, user_id, place)
    JOIN reactions r ON r.chat_id = asked.chat_id AND r.seq = asked.seq AND r.emoji = asked.emoji AND r.user_id = asked.user_id`,
};

// Those who reacted in the same millisecond are in the order of their ids. A place without users has one row, with null.
const REACTORS = {
  name: 'reactions-users',
  text: `SELECT asked.place::int, $4::uuid IS NULL OR a.user_id IS NOT NULL AS "isAfterKnown", l.reactor
    FROM unnest($1::uuid[], $2::int[], $3::text[]) WITH ORDINALITY AS asked (chat_id, seq, emoji, place)
    LEFT JOIN reactions a ON a.chat_id = asked.chat_id AND a.seq = asked.seq AND a.emoji = asked.emoji AND a.user_id = $4
    LEFT JOIN LATERAL (
      SELECT profile_as_json(u) AS reactor, r.at, r.user_id FROM (
        SELECT r.user_id, r.at FROM reactions r
        WHERE r.chat_id = asked.chat_id AND r.seq = asked.seq AND r.emoji = asked.emoji
          AND ($4::uuid IS NULL OR (r.at, r.user_id) < (a.at, a.user_id))
        ORDER BY r.at DESC, r.user_id DESC LIMIT $5) r
      JOIN users u ON u.id = r.user_id ORDER BY r.at DESC, r.user_id DESC) l ON true
    LIMIT $6`,
};

interface ReactorRow {
  place: number;
  isAfterKnown: boolean;
  reactor: UserProfile | null;
}

/** The default limit of one query. */
const MAX_ROWS = 50_000;

/**
 * Adds and removes reactions. They do not take the chat's lock, and have no number: a message's summary has one
 * (`reaction-summaries.ts`). Calls that arrive together are written by one statement.
 */
export class Reactions {
  private readonly rates = new CallRates(RATE);
  private readonly writer: Batcher<PendingReaction, ReactionResult>;
  private readonly mineReader: Batcher<MineRequest, readonly boolean[]>;

  /** @param onChanged receives the messages whose reactions a batch has changed, after its COMMIT */
  constructor(
    private readonly db: Database,
    private readonly onChanged: (places: readonly MessagePlace[]) => void,
  ) {
    const timeoutMs = answerTimeoutMs(db);
    this.writer = new Batcher((reactions) => this.write(reactions), {
      maxBatch: MAX_BATCH,
      maxWaiting: MAX_WAITING,
      deadlineMs: timeoutMs,
      overloaded: () => databaseAway(new Error('Too many reactions wait to be written.')),
      late: () => databaseAway(databaseTimeout(timeoutMs)),
      isRefusal: (error) => classifyFailure(error) === 'one-message',
    });
    this.mineReader = batched((requests: readonly MineRequest[]) => this.readMine(requests));
  }

  /**
   * Adds the viewer's reaction to a message. One that is there stays. Resolves after COMMIT with the message, which shows the
   * reactions as they are now.
   * @throws DomainError `BAD_USER_INPUT`, field `emoji`; `NOT_FOUND` for the chat, or with field `messageId` for the message;
   * `FORBIDDEN`, rules `chat.role`, `chat.archived` and `member.muted`; `CONFLICT`, rule `message.deleted`; `CONFLICT`, rule `message.reactions_full`, for one more emoji
   * than `MAX_REACTION_EMOJI`; `RATE_LIMITED`, rule `reaction.rate`, above 60 calls a minute, removals and refused calls included;
   * `SERVICE_UNAVAILABLE`: the reaction may have been written, and the call can be repeated
   */
  add(viewer: Viewer, input: ReactionInput): Promise<ChatMessage> {
    return this.change(viewer, input, true);
  }

  /** Removes the viewer's reaction. One that is not there stays away. Otherwise as `add`. */
  remove(viewer: Viewer, input: ReactionInput): Promise<ChatMessage> {
    return this.change(viewer, input, false);
  }

  /** Whether the user has reacted, at each of these places. Calls of the same time share a query. */
  mine(userId: string, places: readonly ReactionPlace[]): Promise<readonly boolean[]> {
    return this.mineReader.add({ userId, places });
  }

  /**
   * A page of the users who reacted, for each of these places, in one query. Who reacts later stands before the others, so pages that
   * were read stay as they are. A page is an error (`BAD_USER_INPUT`, field `after`) when that user has no such reaction any more.
   * @param maxRows most users of all places together
   */
  async users(
    places: readonly ReactionPlace[],
    { first, after }: ReactorPage,
    maxRows = MAX_ROWS,
  ): Promise<(UserProfile[] | DomainError)[]> {
    const pages: UserProfile[][] = places.map(() => []);
    const unknown = new Set<number>();
    const rows = await query<ReactorRow>(this.db, REACTORS, [...columnsOf(places), after ?? null, first, maxRows]);
    for (const { place, isAfterKnown, reactor } of rows) {
      if (!isAfterKnown) unknown.add(place - 1);
      else if (reactor) pages[place - 1]?.push(profileOfJson(reactor));
    }
    return pages.map((page, index) => (unknown.has(index) ? afterUnknown() : page));
  }

  /** Resolves when no reaction is queued or in flight. */
  drain(): Promise<void> {
    return this.writer.drain();
  }

  private async change(viewer: Viewer, input: ReactionInput, adds: boolean): Promise<ChatMessage> {
    const user = requireUserIn(requireScope(viewer, 'write'), input.chatId);
    const retryAfterMs = this.rates.count(user.id);
    if (retryAfterMs > 0) throw tooManyReactions(retryAfterMs);
    const emoji = canonicalEmoji(input.emoji);
    const chatId = canonicalId(input.chatId);
    if (chatId === undefined) throw chatNotFound();
    const messageId = canonicalId(input.messageId) ?? NO_MESSAGE;
    const result = await this.writer.add({ chatId, messageId, userId: user.id, emoji, adds });
    if (result.message) return result.message;
    throw refusal(result.outcome);
  }

  private async write(reactions: readonly PendingReaction[]): Promise<ReactionResult[]> {
    const results = await react(this.db, reactions);
    const changed = results.flatMap(({ outcome, message }) => (outcome === 'done' ? message : []));
    // One object for each message.
    this.onChanged([...new Set(changed)]);
    return results;
  }

  private async readMine(requests: readonly MineRequest[]): Promise<(readonly boolean[])[]> {
    const asked = requests.flatMap(({ places }) => places);
    const userIds = requests.flatMap(({ userId, places }) => places.map(() => userId));
    const rows = await query<{ place: number }>(this.db, MINE, [...columnsOf(asked), userIds]);
    const mine = new Set(rows.map(({ place }) => place - 1));
    let before = 0;
    return requests.map(({ places }) => {
      const begin = before;
      before += places.length;
      return places.map((_, index) => mine.has(begin + index));
    });
  }
}

function columnsOf(places: readonly ReactionPlace[]): [string[], number[], string[]] {
  return [places.map(({ chatId }) => chatId), places.map(({ seq }) => seq), places.map(({ emoji }) => emoji)];
}

function refusal(outcome: ReactionRefusal): Error {
  switch (outcome) {
    case 'unreachable':
      return chatNotFound();
    case 'role':
      return roleTooLow('react');
    case 'archived':
      return chatArchived();
    case 'muted':
      return muted();
    case 'no_message':
      return messageNotFound('messageId');
    case 'deleted':
      return messageDeleted();
    case 'full':
      return reactionsFull();
    case 'busy':
      return chatBusy();
    default:
      return new Error(`A reaction was neither written nor refused: ${outcome}.`);
  }
}

function reactionsFull(): DomainError {
  return new DomainError('CONFLICT', `This message has ${MAX_REACTION_EMOJI} different emoji, the most it can have.`, {
    field: 'emoji',
    rule: 'message.reactions_full',
  });
}

function tooManyReactions(retryAfterMs: number): DomainError {
  return new DomainError('RATE_LIMITED', `More than ${RATE.calls} reactions within a minute. Please slow down.`, {
    rule: 'reaction.rate',
    retryAfterMs,
  });
}

function afterUnknown(): DomainError {
  return badInput(
    'after',
    'The user with the id after has no such reaction any more: read the list from its beginning.',
  );
}
