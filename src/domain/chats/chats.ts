import type { Prisma } from '../../generated/prisma/client.js';
import { writeAudit } from '../audit.js';
import { CHAT_KINDS, type ChatKind } from '../chat-kind.js';
import { type Database, query, type Statement } from '../database.js';
import { chatNotFound, DomainError } from '../errors.js';
import { isExternalId } from '../external-id.js';
import type { ChatHead, LogHead } from '../log/chat-log.js';
import { batched } from '../queues/batched.js';
import { isUuid } from '../text.js';
import { transaction } from '../transaction.js';
import { reaches, userOf, type Viewer } from '../viewer.js';
import { foldName } from './chat-names.js';
import { DirectReads } from './direct-reads.js';
import { newEpoch } from './epochs.js';
import type { NewChat, NewChatDetails, NewChats } from './new-chats.js';
import { type AdminReading, kindsReadAsAdmin, type LargeChats, mayReadLogSql, mayReadSql } from './rights.js';
import { readStandings, type Standing } from './standings.js';

/** A chat named by its id, by its name (in any case), or by its id in the product that this service is part of. */
export type ChatReference = { id: string } | { name: string } | { externalId: string };

/**
 * A chat named by either, as on paths. It is the id of a chat if the viewer may read a chat with this id, and a name otherwise: an id
 * leads to its chat whatever others are called, and an old chat whose name looks like an id is still found by its name.
 */
export interface NameOrId {
  nameOrId: string;
}

/** What `requireHead` finds a chat by. */
export type HeadReference = { id: string } | { name: string } | NameOrId;

const REACHABLE = {
  name: 'chats-reachable',
  text: `SELECT c.id AS "chatId", c.epoch, c.last_seq AS seq FROM chats c WHERE c.id = ANY ($1::uuid[])
    AND ${mayReadSql('$2', '$3')}`,
};

/** One chat whose head a user asks for. */
interface HeadRequest {
  /** The chat's id, its folded name, or its external id. */
  chat: string;
  userId: string;
  /** As of `kindsReadAsAdmin`, as an array of PostgreSQL. */
  kinds: string;
}

/** A chat's name and head, read in the statement that checked the viewer's access. */
export interface NamedHead extends LogHead {
  name: string;
}

const heads = (column: 'id' | 'name_key' | 'external_id', type: 'uuid' | 'text', access = mayReadSql) => ({
  name: `chats-heads-by-${column}${access === mayReadSql ? '' : '-of-log'}`,
  text: `SELECT asked.place::int, c.id AS "chatId", c.epoch, c.last_seq AS seq, c.name${
    access === mayReadSql ? '' : ', c.deleted_at IS NOT NULL AS "isDeleted"'
  }
    FROM unnest($1::${type}[], $2::uuid[], $3::text[]) WITH ORDINALITY AS asked (chat, user_id, kinds, place)
    JOIN chats c ON c.${column} = asked.chat WHERE ${access('asked.user_id', 'asked.kinds')}`,
});

const HEADS_BY_ID = heads('id', 'uuid');
const HEADS_BY_NAME = heads('name_key', 'text');
const HEADS_BY_EXTERNAL_ID = heads('external_id', 'text');
const LOGS_BY_ID = heads('id', 'uuid', mayReadLogSql);

type HeadsById = Chats['headsById'];

/** In the order of the ids, as every statement that locks several chats: so none of them deadlock. */
const LOCK_CHATS = 'SELECT FROM chats WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE';
const ROTATE_EPOCHS = `UPDATE chats c SET epoch = given.epoch, mark = 0, mark_base = c.last_seq
  FROM unnest($1::uuid[], $2::text[]) AS given (id, epoch) WHERE c.id = given.id`;

export class Chats {
  private readonly headsById = batched((requests: readonly HeadRequest[]) => this.readHeads(HEADS_BY_ID, requests));
  private readonly logsById = batched((requests: readonly HeadRequest[]) => this.readHeads(LOGS_BY_ID, requests));
  private readonly headsByExternalId = batched((requests: readonly HeadRequest[]) =>
    this.readHeads(HEADS_BY_EXTERNAL_ID, requests),
  );
  private readonly headsByName = batched((requests: readonly HeadRequest[]) => this.readHeads(HEADS_BY_NAME, requests));

  constructor(
    private readonly db: Database,
    private readonly newChats: NewChats,
    private readonly options: AdminReading & LargeChats = {},
    private readonly directReads = new DirectReads(db, options),
  ) {}

  /** As `NewChats`. */
  create(given: string, creator?: Viewer, details?: NewChatDetails): Promise<NewChat> {
    return this.newChats.create(given, creator, details);
  }

  /**
   * The chats among `ids` that the viewer may read: members read their chats, admins those of `kindsReadAsAdmin`. The result is by id,
   * each chat with its head of the same moment, so a removal that follows has a higher number. One query.
   */
  async reachable(viewer: Viewer | null, ids: readonly string[]): Promise<Map<string, ChatHead>> {
    const user = userOf(viewer);
    const wanted = ids.filter((id) => isUuid(id) && reaches(viewer, id));
    if (wanted.length === 0) return new Map();
    const heads = await query<ChatHead>(this.db, REACHABLE, [wanted, user.id, this.kindsReadBy(viewer)]);
    await this.noteReads(
      viewer,
      heads.map(({ chatId }) => chatId),
    );
    return new Map(heads.map((head) => [head.chatId, head]));
  }

  /** Who the viewer is in each of these chats; undefined for a chat that does not exist. One query. */
  async standingsOf(viewer: Viewer | null, ids: readonly string[]): Promise<(Standing | undefined)[]> {
    const { id: userId } = userOf(viewer);
    const standings = await readStandings(
      this.db,
      ids.map((chatId) => ({ chatId, userId })),
      this.options,
    );
    return standings.map((standing, index) => (reaches(viewer, ids[index] ?? '') ? standing : undefined));
  }

  /** As `DirectReads.note`: `reachable`, `find` and `requireHead` call it themselves; who lists chats by `reachableBy` does. */
  noteReads(viewer: Viewer | null, chatIds: readonly string[]): Promise<void> {
    return this.directReads.note(viewer, chatIds);
  }

  /** The rule of `reachable` as a Prisma condition, for lists of chats. */
  reachableBy(viewer: Viewer | null): Prisma.ChatWhereInput {
    const user = userOf(viewer);
    const joined = { deletedAt: null, members: { some: { userId: user.id, leftAt: null } } };
    if (viewer?.chats) return { ...joined, id: { in: [...viewer.chats] } };
    const kinds = this.kindsReadBy(viewer);
    if (kinds.length === 0) return joined;
    if (kinds.length === CHAT_KINDS.length) return { deletedAt: null };
    return { deletedAt: null, OR: [{ kind: { in: kinds } }, joined] };
  }

  private kindsReadBy(viewer: Viewer | null): ChatKind[] {
    return kindsReadAsAdmin(viewer, this.options);
  }

  /**
   * The chat's head; null when it does not exist or the viewer may not read it. One statement in both cases: how long it takes does not tell
   * whether there is a chat of this name.
   */
  async find(viewer: Viewer | null, reference: ChatReference): Promise<NamedHead | null> {
    const { id: userId } = userOf(viewer);
    if ('id' in reference && !reaches(viewer, reference.id)) return null;
    const head = await this.findHead(this.headsById, reference, this.readerOf(userId, viewer));
    if (!head || !reaches(viewer, head.chatId)) return null;
    await this.noteReads(viewer, [head.chatId]);
    return head;
  }

  /**
   * Checks that the viewer may read the chat, and returns its head. The query begins after the call, and is shared by calls of the
   * same time.
   * @throws DomainError `NOT_FOUND` as `require`
   */
  requireHead(viewer: Viewer, reference: HeadReference): Promise<NamedHead> {
    return this.requireHeadIn(this.headsById, viewer, reference);
  }

  /**
   * As `requireHead`, for who reads the log from a cursor on: also of a deleted chat, by its id, for who could read it then. Its log ends
   * with the head.
   */
  requireLog(viewer: Viewer, reference: HeadReference): Promise<NamedHead> {
    return this.requireHeadIn(this.logsById, viewer, reference);
  }

  private async requireHeadIn(byId: HeadsById, viewer: Viewer, reference: HeadReference): Promise<NamedHead> {
    if ('id' in reference && !reaches(viewer, reference.id)) throw chatNotFound();
    const head = await this.findHead(byId, reference, this.readerOf(userOf(viewer).id, viewer));
    if (!head || !reaches(viewer, head.chatId)) throw chatNotFound();
    await this.noteReads(viewer, [head.chatId]);
    return head;
  }

  private readerOf(userId: string, viewer: Viewer | null): Omit<HeadRequest, 'chat'> {
    return { userId, kinds: `{${this.kindsReadBy(viewer).join()}}` };
  }

  private async findHead(
    byId: HeadsById,
    reference: HeadReference | ChatReference,
    user: Omit<HeadRequest, 'chat'>,
  ): Promise<NamedHead | null> {
    if ('nameOrId' in reference) {
      const { nameOrId } = reference;
      return (await this.findHead(byId, { id: nameOrId }, user)) ?? this.findHead(byId, { name: nameOrId }, user);
    }
    if ('id' in reference) return isUuid(reference.id) ? byId.add({ chat: reference.id, ...user }) : null;
    if ('externalId' in reference)
      return isExternalId(reference.externalId)
        ? this.headsByExternalId.add({ chat: reference.externalId, ...user })
        : null;
    return canBeStored(reference.name) ? this.headsByName.add({ chat: foldName(reference.name), ...user }) : null;
  }

  private async readHeads(statement: Statement, requests: readonly HeadRequest[]): Promise<(NamedHead | null)[]> {
    const rows = await query<NamedHead & { place: number }>(this.db, statement, [
      requests.map(({ chat }) => chat),
      requests.map(({ userId }) => userId),
      requests.map(({ kinds }) => kinds),
    ]);
    const answers: (NamedHead | null)[] = requests.map(() => null);
    for (const { place, ...head } of rows) answers[place - 1] = head;
    return answers;
  }

  /**
   * For use after a backup was restored. Gives one chat, or all, a new epoch, so that cursors of the old history are refused; gives
   * the deployment one too, so that positions over all chats are refused. Marks of the rows that exist count as 0 from now on:
   * they are transaction ids of another server.
   * @returns the number of chats
   * @throws DomainError `NOT_FOUND` when no chat has this name
   */
  async rotateEpoch(name?: string): Promise<number> {
    const where = name === undefined ? {} : { nameKey: foldName(name) };
    const chats = await this.db.prisma.chat.findMany({ where, select: { id: true } });
    if (name !== undefined && chats.length === 0) throw new DomainError('NOT_FOUND', 'There is no chat of this name.');
    const ids = chats.map(({ id }) => id);
    return transaction(this.db, async (connection) => {
      await connection.query(LOCK_CHATS, [ids]);
      await connection.query(ROTATE_EPOCHS, [ids, ids.map(newEpoch)]);
      await connection.query('UPDATE deployment SET epoch = $1', [newEpoch()]);
      const chat = name === undefined ? undefined : ids[0];
      await writeAudit(connection, undefined, [{ action: 'epoch.rotated', chat, data: { chats: ids.length } }]);
      return ids.length;
    });
  }
}

/** PostgreSQL's text has neither U+0000 nor lone surrogates, and a query with one of them as a parameter fails. */
function canBeStored(name: string): boolean {
  return !name.includes('\0') && name.isWellFormed();
}
