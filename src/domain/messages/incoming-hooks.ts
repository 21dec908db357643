import { v7 as uuidv7 } from 'uuid';
import { HOLDER_COLUMNS, type HolderRow, toHolder } from '../access/tokens/holder-row.js';
import { hashToken, isToken, newToken } from '../access/tokens/opaque-token.js';
import { isAtLeast, requireAction } from '../chats/chat-access.js';
import type { ChatMutex } from '../chats/chat-mutex.js';
import { needsRole, notInDirectChat } from '../chats/chat-refusals.js';
import { accessRefused, isAccessRefusal } from '../chats/refused-access.js';
import { type ChatAction, rightOf } from '../chats/rights.js';
import { readStandings } from '../chats/standings.js';
import { type Database, query } from '../database.js';
import { badInput, chatNotFound, DomainError } from '../errors.js';
import type { ChatMessage } from '../log/chat-message.js';
import { batched } from '../queues/batched.js';
import { canonicalId, isUuid } from '../text.js';
import { requireScope, requireUserIn, userOf, type Viewer } from '../viewer.js';
import type { Messages, SendInput } from './messages.js';

/** An address at which other programs post messages of a bot to a chat. */
export interface IncomingHook {
  id: string;
  chatId: string;
  botId: string;
  createdAt: Date;
  /** To a minute; null before the first use. */
  lastUsedAt: Date | null;
}

/** Most hooks of one chat. */
export const MAX_HOOKS = 10;
/** What takes the same: a hook lets others write in the chat. An archived one gets no more, and loses those that it has. */
const CREATES: ChatAction = 'roles';
const DELETES: ChatAction = 'archive';
/** Who lists them. */
const NEEDS = 'owner';

const CREATE = {
  name: 'incoming-hook-create',
  text: 'SELECT outcome, created_at AS "createdAt" FROM create_incoming_hook($1, $2, $3, $4, $5, $6, $7, $8)',
};
const DELETE = { name: 'incoming-hook-delete', text: 'SELECT delete_incoming_hook($1, $2, $3, $4) AS outcome' };
const CHAT_OF = { name: 'incoming-hook-chat', text: 'SELECT chat_id AS "chatId" FROM incoming_hooks WHERE id = $1' };
const LIST = {
  name: 'incoming-hooks-of-chat',
  text: `SELECT id, chat_id AS "chatId", bot_id AS "botId", created_at AS "createdAt", last_used_at AS "lastUsedAt"
    FROM incoming_hooks WHERE chat_id = $1 ORDER BY created_at, id`,
};
// A hook whose bot is not active, or no member any more, is none. A row that is locked is left out: nothing waits to note the use.
const USE = {
  name: 'incoming-hooks-use',
  text: `WITH found AS (
      SELECT h.id, h.token_hash, h.chat_id, ${HOLDER_COLUMNS} FROM incoming_hooks h JOIN users u ON u.id = h.bot_id
      WHERE h.token_hash = ANY ($1::bytea[]) AND u.is_active AND u.kind = 'bot' AND member_role(h.chat_id, h.bot_id) IS NOT NULL
        AND (SELECT c.deleted_at IS NULL FROM chats c WHERE c.id = h.chat_id)),
    noted AS (
      UPDATE incoming_hooks h SET last_used_at = now() FROM (
        SELECT s.id FROM found JOIN incoming_hooks s ON s.id = found.id
        WHERE s.last_used_at IS NULL OR s.last_used_at < now() - interval '1 minute'
        ORDER BY s.id FOR NO KEY UPDATE OF s SKIP LOCKED) stale
      WHERE h.id = stale.id)
    SELECT * FROM found`,
};

type UsedHook = HolderRow & { id: string; token_hash: Buffer; chat_id: string };

/** Incoming hooks. Owners of a chat and admins make, list and delete them; whoever knows the address of one posts. */
export class IncomingHooks {
  private readonly used = batched(async (hashes: readonly Buffer[]) => {
    const rows = await query<UsedHook>(this.db, USE, [hashes]);
    const byHash = new Map(rows.map((row) => [row.token_hash.toString('base64'), row]));
    return hashes.map((hash) => byHash.get(hash.toString('base64')) ?? null);
  });

  constructor(
    private readonly db: Database,
    private readonly mutex: ChatMutex,
    private readonly messages: Pick<Messages, 'send'>,
  ) {}

  /**
   * Makes a hook, and returns it with its token, which cannot be read again.
   * @throws DomainError `NOT_FOUND`; `FORBIDDEN`, rules `chat.role` and `chat.direct`, and, rule `user.bot`, for a bot that is an admin,
   * whom only admins make speak; `BAD_USER_INPUT`, field `botId`, for what is no active bot in the chat; `CONFLICT`, rule `hooks.full`;
   * `UNAUTHENTICATED`; `SERVICE_UNAVAILABLE` while the chat's row is locked
   */
  async create(viewer: Viewer, chat: string, bot: string): Promise<{ hook: IncomingHook; token: string }> {
    const actor = requireUserIn(viewer, chat);
    requireAction(viewer, await this.standingOf(actor.id, chat), CREATES);
    const [id, chatId, botId, token] = [uuidv7(), chat.toLowerCase(), canonicalId(bot), newToken('incomingHook')];
    if (botId === undefined) throw noBot();
    const values = [
      id,
      hashToken(token),
      chatId,
      actor.id,
      viewer.familyId,
      rightOf(CREATES, viewer),
      botId,
      MAX_HOOKS,
    ];
    const [made] = await this.mutex.run(chatId, () =>
      query<{ outcome: string; createdAt: Date }>(this.db, CREATE, values),
    );
    if (made?.outcome !== 'created') throw refusalOf(made?.outcome, CREATES);
    return { hook: { id, chatId, botId, createdAt: made.createdAt, lastUsedAt: null }, token };
  }

  /**
   * Deletes a hook: its address is none from now on.
   * @throws DomainError `NOT_FOUND` for an unknown hook, and one of a chat that the viewer does not reach; `FORBIDDEN`, rule `chat.role`;
   * `UNAUTHENTICATED`; `SERVICE_UNAVAILABLE` while the chat's row is locked
   */
  async delete(viewer: Viewer, id: string): Promise<void> {
    const actor = userOf(viewer);
    const [hook] = isUuid(id) ? await query<{ chatId: string }>(this.db, CHAT_OF, [id]) : [];
    if (!hook) throw noHook();
    try {
      requireUserIn(viewer, hook.chatId);
      requireAction(viewer, await this.standingOf(actor.id, hook.chatId), DELETES);
    } catch (error) {
      throw orNoHook(error);
    }
    const values = [id, actor.id, viewer.familyId, rightOf(DELETES, viewer)];
    const [deleted] = await this.mutex.run(hook.chatId, () => query<{ outcome: string }>(this.db, DELETE, values));
    if (deleted?.outcome !== 'deleted') throw orNoHook(refusalOf(deleted?.outcome, DELETES));
  }

  /**
   * The hooks of a chat, in the order in which they were made. For its owners and admins.
   * @throws DomainError `NOT_FOUND`; `FORBIDDEN`, rules `chat.role` and `chat.direct`
   */
  async list(viewer: Viewer, chat: string): Promise<IncomingHook[]> {
    const actor = requireUserIn(requireScope(viewer, 'read'), chat);
    const standing = await this.standingOf(actor.id, chat);
    const mayList = isAtLeast(viewer, standing, NEEDS);
    if (!standing || standing.isDeleted || (standing.role === undefined && !mayList)) throw chatNotFound();
    if (standing.kind === 'direct') throw notInDirectChat();
    if (!mayList) throw needsRole(NEEDS);
    return query<IncomingHook>(this.db, LIST, [chat]);
  }

  /**
   * Sends a message as the hook's bot to the hook's chat, with the bot's rights and rate, as `Messages.send`.
   * @throws DomainError as `Messages.send`; `NOT_FOUND` for an unknown token, and while the bot is not active or no member of the chat
   */
  async post(token: string, input: Pick<SendInput, 'content' | 'nonce' | 'thread'>): Promise<ChatMessage> {
    const hook = isToken('incomingHook', token) ? await this.used.add(hashToken(token)) : null;
    if (!hook) throw noHook();
    return this.messages.send(viewerOf(hook), { ...input, chatId: hook.chat_id });
  }

  private async standingOf(userId: string, chat: string) {
    return isUuid(chat) ? (await readStandings(this.db, [{ chatId: chat.toLowerCase(), userId }]))[0] : undefined;
  }
}

/** The bot, as far as the hook reaches. */
function viewerOf(hook: UsedHook): Viewer {
  return {
    user: toHolder(hook),
    clientId: null,
    familyId: hook.id,
    scopes: new Set(['write']),
    chats: new Set([hook.chat_id]),
    expiresAt: new Date(8.64e15),
    endsAt: Number.POSITIVE_INFINITY,
    graceMs: 0,
  };
}

/** @param outcome of the database functions, whose files explain it */
function refusalOf(outcome: string | undefined, action: ChatAction): Error {
  if (outcome !== undefined && isAccessRefusal(outcome)) return accessRefused(outcome, action);
  switch (outcome) {
    case 'no_bot':
      return noBot();
    case 'bot_admin':
      return new DomainError('FORBIDDEN', 'This bot is an admin: only admins make a hook of it.', {
        field: 'botId',
        rule: 'user.bot',
      });
    case 'full':
      return new DomainError('CONFLICT', `A chat has at most ${MAX_HOOKS} incoming hooks.`, { rule: 'hooks.full' });
    case 'no_hook':
      return noHook();
    default:
      return new Error(`A change of incoming hooks has an unknown outcome: ${outcome}.`);
  }
}

function noBot(): DomainError {
  return badInput('botId', 'botId must be the id of an active bot that is a member of the chat.');
}

/** A chat that the viewer does not reach tells nothing of its hooks. */
function orNoHook(error: unknown): unknown {
  return error instanceof DomainError && error.code === 'NOT_FOUND' ? noHook() : error;
}

function noHook(): DomainError {
  return new DomainError('NOT_FOUND', 'There is no such incoming hook.');
}
