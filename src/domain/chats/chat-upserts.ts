import type { PoolClient } from 'pg';
import { v7 as uuidv7 } from 'uuid';
import type { Database } from '../database.js';
import { badInput, DomainError } from '../errors.js';
import { checkExternalId } from '../external-id.js';
import type { ChatHead } from '../log/chat-log.js';
import { requireActingAdmin } from '../people/acting-admin.js';
import { checkDistinct, checkLength, inRow, rowError } from '../row-errors.js';
import { transaction } from '../transaction.js';
import { retryTaken } from '../unique-violation.js';
import type { Viewer } from '../viewer.js';
import { checkChatName } from './chat-names.js';
import { newEpoch } from './epochs.js';

/** A chat as another system knows it. */
export interface ChatUpsert {
  externalId: string;
  /** Needed for a new chat. */
  name?: string | null | undefined;
}

/** Most chats of one call. */
export const MAX_UPSERTED_CHATS = 100;

interface CheckedChat {
  externalId: string;
  named: { name: string; nameKey: string } | undefined;
}

interface ChatRow extends ChatHead {
  externalId: string;
  name: string;
}

const FIND = `SELECT id AS "chatId", external_id AS "externalId", name, epoch, last_seq AS seq FROM chats
  WHERE external_id = ANY ($1::text[])`;
const TAKEN = 'SELECT name_key AS "nameKey" FROM chats WHERE name_key = ANY ($1::text[])';
const INSERT = `INSERT INTO chats (id, name, name_key, epoch, external_id)
  SELECT given.id, given.name, given.name_key, given.epoch, given.external_id
  FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[]) WITH ORDINALITY
    AS given (id, name, name_key, epoch, external_id, place) ORDER BY given.place`;

/** Makes many chats at once, for admins. */
export class ChatUpserts {
  constructor(private readonly db: Database) {}

  /**
   * Makes those of these chats that are not there, all or none. Returns the heads of all, in their order. Repeating it changes nothing.
   * @throws DomainError with a field like `chats.17.name`: `BAD_USER_INPUT` for more than 100 chats, a value that breaks its rule, a new
   * chat without a name, and an external id that is named twice; `CONFLICT` for a name that is taken, and, rule `chat.name`, for another
   * name than the chat has; `FORBIDDEN` or `UNAUTHENTICATED` when the admin is no longer one
   */
  async upsert(admin: Viewer, chats: readonly ChatUpsert[]): Promise<ChatHead[]> {
    checkLength('chats', chats, MAX_UPSERTED_CHATS);
    const checked = chats.map((chat, index) => inRow('chats', index, () => checkUpsert(chat)));
    checkDistinct(
      'chats',
      checked.map(({ externalId }) => externalId),
      () => badInput('externalId', 'This external id is named twice.'),
    );
    return retryTaken(() =>
      transaction(this.db, async (connection) => {
        await requireActingAdmin(connection, admin);
        return upsertWithin(connection, checked);
      }),
    );
  }
}

function checkUpsert({ externalId, name }: ChatUpsert): CheckedChat {
  return {
    externalId: checkExternalId('externalId', externalId),
    named: name == null ? undefined : checkChatName('name', name),
  };
}

async function upsertWithin(connection: PoolClient, chats: readonly CheckedChat[]): Promise<ChatHead[]> {
  const found = await connection.query<ChatRow>(FIND, [chats.map(({ externalId }) => externalId)]);
  const known = new Map(found.rows.map((row) => [row.externalId, row]));
  const made = new Map<string, ChatHead & { name: string; nameKey: string }>();
  for (const [index, { externalId, named }] of chats.entries()) {
    const chat = known.get(externalId);
    if (chat) {
      if (named && named.name !== chat.name) throw rowError('chats', index, keepsName());
      continue;
    }
    if (!named) throw rowError('chats', index, badInput('name', 'A new chat needs a name.'));
    made.set(externalId, { ...named, chatId: uuidv7(), epoch: newEpoch(), seq: 0 });
  }
  await insert(connection, chats, made);
  return chats.map(({ externalId }) => headOf(known.get(externalId) ?? made.get(externalId)));
}

async function insert(
  connection: PoolClient,
  chats: readonly CheckedChat[],
  made: ReadonlyMap<string, ChatHead & { name: string; nameKey: string }>,
): Promise<void> {
  if (made.size === 0) return;
  const keys = chats.map(({ externalId }) => made.get(externalId)?.nameKey);
  checkDistinct('chats', keys, nameTaken);
  const taken = await connection.query<{ nameKey: string }>(TAKEN, [keys.filter((key) => key !== undefined)]);
  const takenKeys = new Set(taken.rows.map(({ nameKey }) => nameKey));
  const refused = keys.findIndex((key) => key !== undefined && takenKeys.has(key));
  if (refused >= 0) throw rowError('chats', refused, nameTaken());
  const rows = [...made.values()];
  await connection.query(INSERT, [
    rows.map(({ chatId }) => chatId),
    rows.map(({ name }) => name),
    rows.map(({ nameKey }) => nameKey),
    rows.map(({ epoch }) => epoch),
    [...made.keys()],
  ]);
}

function headOf(head: ChatHead | undefined): ChatHead {
  if (!head) throw new Error('A chat is neither there nor new.');
  const { chatId, epoch, seq } = head;
  return { chatId, epoch, seq };
}

function nameTaken(): DomainError {
  return new DomainError('CONFLICT', 'A chat of this name exists.', { field: 'name' });
}

function keepsName(): DomainError {
  return new DomainError('CONFLICT', 'This chat has another name, which it keeps.', {
    field: 'name',
    rule: 'chat.name',
  });
}
