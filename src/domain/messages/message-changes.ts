import type { ChatRole } from '../chat-role.js';
import type { ChatMutex } from '../chats/chat-mutex.js';
import { type AccessRefusal, accessRefused, isAccessRefusal } from '../chats/refused-access.js';
import { type ChatAction, DELETES_OTHERS, rightOf } from '../chats/rights.js';
import { type Database, query } from '../database.js';
import { badInput, chatNotFound } from '../errors.js';
import type { Announce } from '../log/chat-events.js';
import { type ChatMessage, MAX_CONTENT_LENGTH, MAX_METADATA_BYTES } from '../log/chat-message.js';
import { type MessageRow, messageOfJson } from '../log/message-rows.js';
import { checkMetadata } from '../metadata.js';
import type { UserProfile } from '../profile.js';
import { canonicalId, checkText } from '../text.js';
import { requireScope, requireUserIn, type Viewer } from '../viewer.js';
import { type ChangeValues, ChangeWriter, changeFunction } from './change-writer.js';
import { checkMentions, notMember } from './mentions.js';
import {
  editWindowOver,
  messageDeleted,
  messageNotFound,
  notYours,
  otherRevision,
  pinsFull,
  tooManyEdits,
} from './message-refusals.js';

/** A message, named by its chat and its id. */
export interface MessageTarget {
  chatId: string;
  messageId: string;
}

export interface MessageEdit extends MessageTarget {
  content: string;
  /** The revision that the editor saw. */
  revision?: number | null | undefined;
  /** The ids of all users whom the message mentions from now on; null for none, undefined for those of before. */
  mentions?: readonly string[] | null | undefined;
  /** A JSON object; null for none, undefined for that of before. */
  metadata?: unknown;
}

/** The result of a database function; its file in `prisma/functions` explains each outcome. */
interface ChangeRow extends MessageRow {
  outcome:
    | ('edited' | 'deleted' | 'changed' | 'repeated' | 'forgotten')
    | AccessRefusal
    | ('no_message' | 'not_yours' | 'is_deleted' | 'revision' | 'mention' | 'window' | 'rate' | 'full');
  epoch: string;
  seq: number;
  at: Date;
  /** The role that `posting_role` asks for. */
  needs?: ChatRole | null;
  retry_after_ms: number;
}

/** What a function is asked to change, ids in PostgreSQL's text of an array where there may be several, and the argument that names it. */
interface Asked {
  chatId: string;
  message: string;
  field: 'messageId' | 'messageIds';
}

type Run = (values: ChangeValues) => Promise<readonly ChangeRow[]>;

type EventType = 'message.edited' | 'message.deleted' | 'message.pinned' | 'message.unpinned';

/** What names the chat, the message or messages, the actor, the sign-in and the right. */
const COMMON = ['uuid', 'uuid', 'uuid', 'uuid', 'jsonb'] as const;
const EDIT = changeFunction('edit_message', [...COMMON, 'text', 'int', 'uuid[]', 'jsonb', 'int']);
const DELETE = changeFunction('delete_messages', ['uuid', 'uuid[]', 'uuid', 'uuid', 'jsonb', 'chat_role']);
const SET_PIN = changeFunction('set_pin', [...COMMON, 'boolean', 'int']);
const FORGET_HISTORY = { name: 'message-forget-history', text: 'SELECT * FROM forget_history($1, $2, $3, $4, $5, $6)' };

/** The arguments of `run` for what users delete of their own, and moderators of everybody's. */
const OWN_OR_OTHERS = ['delete', [DELETES_OTHERS], DELETES_OTHERS] as const;

/** The most messages that one call deletes. */
export const MAX_DELETED = 100;
/** The most pins of a chat. */
export const MAX_PINS = 100;
/** A revision is an `integer` of PostgreSQL. */
const MAX_REVISION = 2 ** 31 - 1;

/**
 * Edits, deletes and pins messages. A database function makes a change: it checks the actor's rights (`rights.ts`), gives the change
 * its number and returns the message as it is then.
 *
 * All methods throw DomainError `NOT_FOUND` for a chat that the viewer does not reach and for a message that it does not have (field
 * `messageId`), `FORBIDDEN` without the right (rule `message.not_yours`, and those of `accessRefused`), `UNAUTHENTICATED` when the
 * sign-in has ended, and `SERVICE_UNAVAILABLE` while the chat's row is locked.
 */
export class MessageChanges {
  private readonly edits: ChangeWriter<ChangeRow>;
  private readonly deletions: ChangeWriter<ChangeRow>;
  private readonly pins: ChangeWriter<ChangeRow>;

  constructor(
    private readonly db: Database,
    private readonly mutex: ChatMutex,
    private readonly announce: Announce,
    private readonly options: { editWindowSeconds: number },
  ) {
    this.edits = new ChangeWriter(db, mutex, EDIT);
    this.deletions = new ChangeWriter(db, mutex, DELETE);
    this.pins = new ChangeWriter(db, mutex, SET_PIN);
  }

  /**
   * Gives a message other words, and other mentions and metadata where they are given. Only its sender may. When the message has all
   * of it already nothing changes.
   * @throws DomainError `BAD_USER_INPUT`; `CONFLICT`, field `revision`, when the message was edited since that revision; `CONFLICT`,
   * rule `message.deleted`; `FORBIDDEN`, rule `edit.window`; `RATE_LIMITED`, rule `edit.rate`
   */
  async edit(viewer: Viewer, input: MessageEdit): Promise<ChatMessage> {
    const { mentions, metadata, revision = null } = input;
    const content = checkText('content', input.content.trim(), { min: 1, max: MAX_CONTENT_LENGTH });
    if (revision !== null && !isRevision(revision)) throw badInput('revision', 'revision must be one that you saw.');
    const { editWindowSeconds } = this.options;
    const row = await this.runOne(viewer, input, (values) => this.edits.run(values), 'edit', [
      content,
      revision,
      mentions === undefined ? null : arrayText(checkMentions(mentions ?? [])),
      metadata === undefined
        ? null
        : JSON.stringify(metadata === null ? null : checkMetadata(metadata, MAX_METADATA_BYTES)),
      Number.isFinite(editWindowSeconds) ? editWindowSeconds : null,
    ]);
    return this.announced('message.edited', viewer.user, row);
  }

  /** Deletes a message, and returns what is left of it. One that is deleted already stays as it is. Senders may, and moderators. */
  async delete(viewer: Viewer, target: MessageTarget): Promise<ChatMessage> {
    const { chatId, messageId } = target;
    const message = arrayText([requireId(messageId, 'messageId')]);
    const run: Run = (values) => this.deletions.run(values);
    const [row] = await this.run(viewer, { chatId, message, field: 'messageId' }, run, ...OWN_OR_OTHERS);
    return this.announced('message.deleted', viewer.user, row);
  }

  /**
   * Deletes messages of one chat as `delete` does, all or none. Returns them in the order of the ids, each once.
   * @throws DomainError `BAD_USER_INPUT` for no ids or more than `MAX_DELETED`; errors about a message have the field `messageIds`
   */
  async deleteMany(viewer: Viewer, chatId: string, messageIds: readonly string[]): Promise<ChatMessage[]> {
    const field = 'messageIds';
    if (messageIds.length === 0 || messageIds.length > MAX_DELETED)
      throw badInput(field, `messageIds must be 1 to ${MAX_DELETED} ids.`);
    const message = arrayText([...new Set(messageIds.map((id) => requireId(id, field)))]);
    const run: Run = (values) => this.deletions.runAlone(values);
    const rows = await this.run(viewer, { chatId, message, field }, run, ...OWN_OR_OTHERS);
    return rows.map((row) => this.announced('message.deleted', viewer.user, row));
  }

  /**
   * Deletes messages of one chat that somebody with the right to it wants to be deleted, whose rights of now are not asked: also in a chat
   * that was archived since. Those that are deleted already stay as they are.
   * @param actor null for an operator
   * @throws DomainError `NOT_FOUND` for a chat that is no more, and for other messages than its own
   */
  async deleteFor(actor: UserProfile | null, chatId: string, messageIds: readonly string[]): Promise<void> {
    const values: ChangeValues = [
      chatId,
      arrayText(messageIds),
      actor?.id ?? null,
      null,
      rightOf('ban', null),
      DELETES_OTHERS,
    ];
    const rows = await this.perform((all) => this.deletions.runAlone(all), values, {
      action: 'ban',
      field: 'messageIds',
    });
    for (const row of rows) this.announced('message.deleted', actor, row);
  }

  /** Drops what the earlier versions of a message said. Nobody is told. Its sender may, and who may delete it. */
  async forgetHistory(viewer: Viewer, target: MessageTarget): Promise<ChatMessage> {
    const run: Run = (values) =>
      this.mutex.run(values[0], () => query<ChangeRow>(this.db, FORGET_HISTORY, [...values]));
    return messageOfJson(await this.runOne(viewer, target, run, 'read', [DELETES_OTHERS], DELETES_OTHERS));
  }

  /**
   * Pins a message in its chat. One that is pinned stays as it is.
   * @throws DomainError `CONFLICT`, rule `message.deleted`; `CONFLICT`, rule `chat.pins_full`, when the chat has `MAX_PINS`
   */
  async pin(viewer: Viewer, target: MessageTarget): Promise<ChatMessage> {
    const row = await this.setPin(viewer, target, true);
    return this.announced('message.pinned', viewer.user, row);
  }

  /** Unpins a message. One that is not pinned stays as it is. */
  async unpin(viewer: Viewer, target: MessageTarget): Promise<ChatMessage> {
    const row = await this.setPin(viewer, target, false);
    return this.announced('message.unpinned', viewer.user, row);
  }

  /** Resolves when no change waits for others to be made with. */
  async drain(): Promise<void> {
    await Promise.all([this.edits.drain(), this.deletions.drain(), this.pins.drain()]);
  }

  private setPin(viewer: Viewer, target: MessageTarget, isPinned: boolean): Promise<ChangeRow> {
    return this.runOne(viewer, target, (values) => this.pins.run(values), 'pin', [isPinned, MAX_PINS]);
  }

  private async runOne(
    viewer: Viewer,
    { chatId, messageId }: MessageTarget,
    run: Run,
    action: ChatAction,
    values: readonly unknown[],
    needsForOthers?: ChatRole,
  ): Promise<ChangeRow> {
    const field = 'messageId';
    const asked = { chatId, message: requireId(messageId, field), field } as const;
    const [row] = await this.run(viewer, asked, run, action, values, needsForOthers);
    return row;
  }

  /**
   * @param action whose right the function checks
   * @param values the function's arguments behind that right
   * @param needsForOthers the lowest role that may do it to the messages of others; undefined when none may
   * @throws DomainError for an outcome that is a refusal
   */
  private async run(
    viewer: Viewer,
    { chatId, message, field }: Asked,
    run: Run,
    action: ChatAction,
    values: readonly unknown[],
    needsForOthers?: ChatRole,
  ): Promise<[ChangeRow, ...ChangeRow[]]> {
    const user = requireUserIn(requireScope(viewer, 'write'), chatId);
    const id = canonicalId(chatId);
    if (id === undefined) throw chatNotFound();
    const all: ChangeValues = [id, message, user.id, viewer.familyId, rightOf(action, viewer), ...values];
    return this.perform(run, all, { action, field, needsForOthers });
  }

  /** @throws DomainError for an outcome that is a refusal */
  private async perform(
    run: Run,
    values: ChangeValues,
    {
      action,
      field,
      needsForOthers,
    }: { action: ChatAction; field: Asked['field']; needsForOthers?: ChatRole | undefined },
  ): Promise<[ChangeRow, ...ChangeRow[]]> {
    const [row, ...more] = await run(values);
    if (row && isAccessRefusal(row.outcome)) throw accessRefused(row.outcome, action, row.needs ?? undefined);
    switch (row?.outcome) {
      case 'edited':
      case 'deleted':
      case 'changed':
      case 'repeated':
      case 'forgotten':
        return [row, ...more];
      case 'no_message':
        throw messageNotFound(field);
      case 'not_yours':
        throw notYours(needsForOthers);
      case 'is_deleted':
        throw messageDeleted();
      case 'revision':
        throw otherRevision();
      case 'mention':
        throw notMember();
      case 'window':
        throw editWindowOver();
      case 'rate':
        throw tooManyEdits(row.retry_after_ms);
      case 'full':
        throw pinsFull();
      default:
        throw new Error(`A change of a message has an unknown outcome: ${row?.outcome}.`);
    }
  }

  /** Announces the change, if it is one, and returns the message. */
  private announced(type: EventType, actor: UserProfile | null, row: ChangeRow): ChatMessage {
    const message = messageOfJson(row);
    const { outcome, epoch, seq, at } = row;
    if (outcome !== 'repeated')
      this.announce({ type, chatId: message.chatId, epoch, seq, at: at.toISOString(), actor, message });
    return message;
  }
}

function isRevision(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= MAX_REVISION;
}

function requireId(given: string, field: Asked['field']): string {
  const id = canonicalId(given);
  if (id === undefined) throw messageNotFound(field);
  return id;
}

/** PostgreSQL's text of an array of ids. */
function arrayText(ids: readonly string[]): string {
  return `{${ids.join(',')}}`;
}
