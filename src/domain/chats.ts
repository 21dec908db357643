import { randomInt } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import type { Chat, Prisma } from '../generated/prisma/client.js';
import { batched } from './batched.js';
import type { ChatHead } from './chat-log.js';
import { type Database, query, type Statement } from './database.js';
import { badInput, chatNotFound, DomainError } from './errors.js';
import { checkText, isUuid } from './text.js';
import { isUniqueViolation } from './users.js';
import { isAdmin, requireUser, type Viewer } from './viewer.js';

/** A chat named by its id or by its name (in any case). */
export type ChatReference = { id: string } | { name: string };

/**
 * The rule in SQL: whether a viewer may reach a chat `c`, of the parameters that hold the viewer's id and whether they are an
 * admin. One statement that asks it and reads sees both at one moment.
 */
export function mayReach(userId: string, admin: string): string {
  return `(${admin} OR EXISTS (SELECT 1 FROM chat_memberships m WHERE m.chat_id = c.id AND m.user_id = ${userId}))`;
}

const REACHABLE = {
  name: 'chats-reachable',
  text: `SELECT c.id AS "chatId", c.epoch, c.last_seq AS seq FROM chats c WHERE c.id = ANY ($1::uuid[])
    AND ${mayReach('$2', '$3')}`,
};

/** Who asks for the way into which chat: one by its id, or by its folded name. */
interface EntranceQuestion {
  chat: string;
  userId: string;
  admin: boolean;
}

/** Where a chat's history stood when somebody was let in. */
export interface ChatEntrance extends ChatHead {
  name: string;
}

const entrances = (column: 'id' | 'name_key', type: 'uuid' | 'text') => ({
  name: `chats-entrances-by-${column}`,
  text: `SELECT asked.place::int, c.id AS "chatId", c.epoch, c.last_seq AS seq, c.name
    FROM unnest($1::${type}[], $2::uuid[], $3::boolean[]) WITH ORDINALITY AS asked (chat, user_id, admin, place)
    JOIN chats c ON c.${column} = asked.chat WHERE ${mayReach('asked.user_id', 'asked.admin')}`,
});

const ENTRANCES_BY_ID = entrances('id', 'uuid');
const ENTRANCES_BY_NAME = entrances('name_key', 'text');

export class Chats {
  private readonly entrancesById = batched((asked: readonly EntranceQuestion[]) =>
    this.readEntrances(ENTRANCES_BY_ID, asked),
  );
  private readonly entrancesByName = batched((asked: readonly EntranceQuestion[]) =>
    this.readEntrances(ENTRANCES_BY_NAME, asked),
  );

  constructor(private readonly db: Database) {}

  /** @throws DomainError `BAD_USER_INPUT` for an unfit name, `CONFLICT` for one that is taken in any case. */
  async create(name: string): Promise<Chat> {
    checkText('name', name, {
      min: 1,
      max: 100,
      pattern: { expression: /^[^/\p{Cc}]+$/u, rule: 'must not contain "/" or control characters.' },
    });
    if (name.trim() === '') throw badInput('name', 'name must have a character that shows.');
    // https://url.spec.whatwg.org/#double-dot-path-segment: clients take these out of a path, percent-encoded or not.
    if (name === '.' || name === '..') throw badInput('name', `name must not be "${name}", which no URL can carry.`);
    try {
      return await this.db.prisma.chat.create({
        data: { id: uuidv7(), name, nameKey: foldName(name), epoch: newEpoch() },
      });
    } catch (error) {
      if (isUniqueViolation(error)) throw new DomainError('CONFLICT', 'A chat of this name exists.', { field: 'name' });
      throw error;
    }
  }

  /**
   * The rule: a chat may be read and written by its members and by admins. Every edge asks here.
   * Returns the chats among `ids` that the viewer may reach, by id, each with the place where its history stood at that very
   * moment: a removal that follows has a higher number. One query.
   */
  async reachable(viewer: Viewer | null, ids: readonly string[]): Promise<Map<string, ChatHead>> {
    const user = requireUser(viewer);
    const wanted = ids.filter(isUuid);
    if (wanted.length === 0) return new Map();
    const heads = await query<ChatHead>(this.db, REACHABLE, [wanted, user.id, isAdmin(viewer)]);
    return new Map(heads.map((head) => [head.chatId, head]));
  }

  /** The rule as a condition, for lists of chats. */
  reachableBy(viewer: Viewer | null): Prisma.ChatWhereInput {
    const user = requireUser(viewer);
    return isAdmin(viewer) ? {} : { members: { some: { userId: user.id } } };
  }

  /** The chat, when there is one and the viewer may reach it; null otherwise, without a hint which of the two it is. */
  async find(viewer: Viewer | null, reference: ChatReference): Promise<Chat | null> {
    requireUser(viewer);
    if ('id' in reference && !isUuid(reference.id)) return null;
    if ('name' in reference && !canBeStored(reference.name)) return null;
    const chat = await this.db.prisma.chat.findUnique({
      where: 'id' in reference ? { id: reference.id } : { nameKey: foldName(reference.name) },
    });
    if (!chat) return null;
    return (await this.reachable(viewer, [chat.id])).has(chat.id) ? chat : null;
  }

  /** @throws DomainError `NOT_FOUND`, the same for no chat and for a chat of others. */
  async require(viewer: Viewer | null, reference: ChatReference): Promise<Chat> {
    const chat = await this.find(viewer, reference);
    if (!chat) throw chatNotFound();
    return chat;
  }

  /**
   * Where a chat's history stands, for a viewer who may reach it: read after this was called, in one query with those who
   * ask at the same time. @throws DomainError `NOT_FOUND` as `require`.
   */
  async entrance(viewer: Viewer, reference: ChatReference): Promise<ChatEntrance> {
    const asker = { userId: requireUser(viewer).id, admin: isAdmin(viewer) };
    const entrance = await this.askEntrance(reference, asker);
    if (!entrance) throw chatNotFound();
    return entrance;
  }

  private async askEntrance(reference: ChatReference, asker: Omit<EntranceQuestion, 'chat'>) {
    if ('id' in reference)
      return isUuid(reference.id) ? this.entrancesById.add({ chat: reference.id, ...asker }) : null;
    return canBeStored(reference.name) ? this.entrancesByName.add({ chat: foldName(reference.name), ...asker }) : null;
  }

  private async readEntrances(
    statement: Statement,
    asked: readonly EntranceQuestion[],
  ): Promise<(ChatEntrance | null)[]> {
    const rows = await query<ChatEntrance & { place: number }>(this.db, statement, [
      asked.map(({ chat }) => chat),
      asked.map(({ userId }) => userId),
      asked.map(({ admin }) => admin),
    ]);
    const answers: (ChatEntrance | null)[] = asked.map(() => null);
    for (const { place, ...entrance } of rows) answers[place - 1] = entrance;
    return answers;
  }

  /** Gives one chat, or all, a new epoch, after a backup was restored: cursors of before are refused from then on. */
  async rotateEpoch(name?: string): Promise<number> {
    const where = name === undefined ? {} : { nameKey: foldName(name) };
    const chats = await this.db.prisma.chat.findMany({ where, select: { id: true } });
    if (name !== undefined && chats.length === 0) throw new DomainError('NOT_FOUND', 'There is no chat of this name.');
    for (const { id } of chats) await this.db.prisma.chat.update({ where: { id }, data: { epoch: newEpoch() } });
    return chats.length;
  }
}

/** PostgreSQL has neither U+0000 nor lone surrogates in its texts, and refuses to be asked for them. */
function canBeStored(name: string): boolean {
  return !name.includes('\0') && name.isWellFormed();
}

/** Two names are one when they differ in case or in Unicode composition only. Upper then lower case folds ß, ς and their like. */
export function foldName(name: string): string {
  return name.normalize('NFC').toUpperCase().toLowerCase().normalize('NFC');
}

const EPOCH_LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** Eight letters of 36: two histories of one chat share an epoch once in 2.8 × 10¹² times. */
function newEpoch(): string {
  return Array.from({ length: 8 }, () => EPOCH_LETTERS[randomInt(EPOCH_LETTERS.length)]).join('');
}
