import type { PoolClient } from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { type Database, isLockTimeout } from '../database.js';
import { badInput, chatBusy, chatNotFound } from '../errors.js';
import { checkExternalId } from '../external-id.js';
import type { Announce } from '../log/chat-events.js';
import type { ChatHead } from '../log/chat-log.js';
import { requireActingAdmin } from '../people/acting-admin.js';
import { checkDistinct, checkLength, inRow, rowError } from '../row-errors.js';
import { transaction } from '../transaction.js';
import { retryTaken } from '../unique-violation.js';
import { requireUser, type Viewer } from '../viewer.js';
import { announceUpdate, type SettingsChange } from './chat-changes.js';
import { chatArchived } from './chat-refusals.js';
import { nameTaken } from './chat-taken.js';
import { newEpoch } from './epochs.js';
import { rightOf } from './rights.js';
import { type CheckedSettings, checkSettings, type GivenSettings } from './setting-values.js';

/** A chat as another system knows it. What is not given stays as it is. */
export interface ChatUpsert
  extends Pick<GivenSettings, 'topic' | 'visibility' | 'metadata' | 'archived' | 'postingRole'> {
  externalId: string;
  /** Needed for a new chat. */
  name?: string | null | undefined;
}

/** Most chats of one call. */
export const MAX_UPSERTED_CHATS = 100;

/** A row of the call. */
interface Row {
  index: number;
  externalId: string;
  settings: CheckedSettings;
}

interface KnownChat extends ChatHead {
  externalId: string;
}

interface Upserted {
  heads: ChatHead[];
  changes: (SettingsChange & { chatId: string })[];
}

// Rows are locked in the order of their ids, as in every statement that locks several chats: so none of them deadlock.
const FIND = `SELECT id AS "chatId", external_id AS "externalId", epoch, last_seq AS seq FROM chats
  WHERE external_id = ANY ($1::text[]) ORDER BY id FOR NO KEY UPDATE`;
const TAKEN = 'SELECT name_key AS "nameKey", external_id AS "externalId" FROM chats WHERE name_key = ANY ($1::text[])';
const INSERT = `INSERT INTO chats (id, name, name_key, epoch, external_id, topic, visibility, posting_role, metadata, archived_at)
  SELECT g.id, g.value ->> 'name', g.value ->> 'nameKey', g.epoch, g.external_id, coalesce(g.value ->> 'topic', ''),
    coalesce(g.value ->> 'visibility', 'private')::visibility, coalesce(g.value ->> 'postingRole', 'member')::chat_role,
    nullif(g.value -> 'metadata', 'null'), CASE WHEN (g.value ->> 'archived')::boolean THEN now() END
  FROM unnest($1::uuid[], $2::text[], $3::text[], $4::jsonb[]) WITH ORDINALITY AS g (id, epoch, external_id, value, place)
  ORDER BY g.place`;
const SET = 'SELECT * FROM set_chat_settings($1, $2, $3, $4, $5)';

/** Makes and changes many chats at once, for admins. */
export class ChatUpserts {
  constructor(
    private readonly db: Database,
    private readonly announce: Announce,
  ) {}

  /**
   * Makes those of these chats that are not there, and changes what is given of the others: all or none. Each chat that changes has one
   * event. Returns the heads of all, in their order. Repeating it changes nothing.
   * @throws DomainError with a field like `chats.17.name`: `BAD_USER_INPUT` for more than 100 chats, a value that breaks its rule, a new
   * chat without a name, and an external id that is named twice; `CONFLICT` for a name that is taken; `FORBIDDEN`, rule `chat.archived`,
   * for a chat that is archived and stays so; `FORBIDDEN` or `UNAUTHENTICATED` when the admin is no longer one
   */
  async upsert(admin: Viewer, chats: readonly ChatUpsert[]): Promise<ChatHead[]> {
    checkLength('chats', chats, MAX_UPSERTED_CHATS);
    const rows = chats.map((chat, index) => inRow('chats', index, () => checkUpsert(chat, index)));
    checkDistinct(
      'chats',
      rows.map(({ externalId }) => externalId),
      () => badInput('externalId', 'This external id is named twice.'),
    );
    const upserted = await retryTaken(() =>
      transaction(this.db, async (connection) => {
        await requireActingAdmin(connection, admin);
        return upsertWithin(connection, admin, rows);
      }),
    ).catch((error: unknown) => {
      throw isLockTimeout(error) ? chatBusy() : error;
    });
    for (const change of upserted.changes) announceUpdate(this.announce, change.chatId, requireUser(admin), change);
    return upserted.heads;
  }
}

function checkUpsert({ externalId, ...given }: ChatUpsert, index: number): Row {
  const { name, ...others } = given;
  const settings = checkSettings({ ...others, ...(name != null && { name }) });
  return { index, externalId: checkExternalId('externalId', externalId), settings };
}

async function upsertWithin(connection: PoolClient, admin: Viewer, rows: readonly Row[]): Promise<Upserted> {
  const found = await connection.query<KnownChat>(FIND, [rows.map(({ externalId }) => externalId)]);
  const heads = new Map<string, ChatHead>(found.rows.map(({ externalId, ...head }) => [externalId, head]));
  const fresh = rows.filter(({ externalId }) => !heads.has(externalId));
  for (const { index, settings } of fresh)
    if (settings.name === undefined) throw rowError('chats', index, badInput('name', 'A new chat needs a name.'));
  await checkNames(connection, rows);
  const made = fresh.map((row) => ({ ...row, head: { chatId: uuidv7(), epoch: newEpoch(), seq: 0 } }));
  if (made.length > 0) {
    const ids = [made.map(({ head }) => head.chatId), made.map(({ head }) => head.epoch)];
    const values = made.map(({ settings }) => JSON.stringify(settings));
    await connection.query(INSERT, [...ids, made.map(({ externalId }) => externalId), values]);
  }
  const changes: Upserted['changes'] = [];
  for (const { index, externalId, settings } of rows) {
    const head = heads.get(externalId);
    if (!head || Object.values(settings).every((value) => value === undefined)) continue;
    const change = await changeChat(connection, admin, head.chatId, settings, index);
    heads.set(externalId, { ...head, seq: change.seq });
    if (change.outcome === 'updated') changes.push({ ...change, chatId: head.chatId });
  }
  for (const { externalId, head } of made) heads.set(externalId, head);
  return { heads: rows.map(({ externalId }) => headOf(heads.get(externalId))), changes };
}

/** The caller has locked the chat's row. */
async function changeChat(
  connection: PoolClient,
  admin: Viewer,
  chatId: string,
  settings: CheckedSettings,
  index: number,
): Promise<SettingsChange> {
  const { id } = requireUser(admin);
  const values = [chatId, id, admin.familyId, rightOf('settings', admin), JSON.stringify(settings)];
  const { rows } = await connection.query<SettingsChange>(SET, values);
  const [change] = rows;
  if (change?.outcome === 'updated' || change?.outcome === 'repeated') return change;
  if (change?.outcome === 'archived') throw rowError('chats', index, chatArchived());
  if (change?.outcome === 'no_chat') throw rowError('chats', index, chatNotFound());
  throw new Error(`A change of a chat has an unknown outcome: ${change?.outcome}.`);
}

/** @throws DomainError `CONFLICT` for a name that another chat has, of the call or before it */
async function checkNames(connection: PoolClient, rows: readonly Row[]): Promise<void> {
  const keys = rows.map(({ settings }) => settings.nameKey).map((key) => (typeof key === 'string' ? key : undefined));
  checkDistinct('chats', keys, nameTaken);
  const given = keys.filter((key) => key !== undefined);
  if (given.length === 0) return;
  const taken = await connection.query<{ nameKey: string; externalId: string | null }>(TAKEN, [given]);
  const holders = new Map(taken.rows.map(({ nameKey, externalId }) => [nameKey, externalId]));
  for (const [index, { externalId }] of rows.entries()) {
    const key = keys[index];
    if (key !== undefined && holders.has(key) && holders.get(key) !== externalId)
      throw rowError('chats', index, nameTaken());
  }
}

function headOf(head: ChatHead | undefined): ChatHead {
  if (!head) throw new Error('A chat is neither there nor new.');
  return head;
}
