import { type Database, query } from '../database.js';
import { badInput, chatNotFound } from '../errors.js';
import type { Announce } from '../log/chat-events.js';
import type { ChatHead } from '../log/chat-log.js';
import { CHAT_SETTINGS, type ChatSetting } from '../log/events/chat-updated.js';
import { type LoggedChat, loggedChatOfJson } from '../log/logged-chat.js';
import type { UserProfile } from '../profile.js';
import { canonicalId } from '../text.js';
import { requireUserIn, type Viewer } from '../viewer.js';
import { requireAction } from './chat-access.js';
import type { ChatMutex } from './chat-mutex.js';
import { chatTaken } from './chat-taken.js';
import { externalIdOfAdmins } from './new-chats.js';
import { type AccessRefusal, accessRefused, isAccessRefusal } from './refused-access.js';
import { type ChatAction, rightOf } from './rights.js';
import { type CheckedSettings, checkSettings, type GivenSettings } from './setting-values.js';
import { readStandings } from './standings.js';

/** The result of `set_chat_settings`, or of `delete_chat`; their files in `prisma/functions` explain each outcome. */
export interface SettingsChange {
  outcome: 'updated' | 'repeated' | 'deleted' | 'no_admin' | AccessRefusal;
  epoch: string;
  seq: number;
  at: Date;
  /** Of an update. */
  changed: ChatSetting[];
  chat: LoggedChat;
}

const SET = { name: 'chat-settings-set', text: 'SELECT * FROM set_chat_settings($1, $2, $3, $4, $5)' };
const DELETE = { name: 'chat-delete', text: 'SELECT * FROM delete_chat($1, $2, $3, $4)' };

/** Changes and deletes chats. The transaction that makes a change also checks the actor's rights (`rights.ts`) and numbers it. */
export class ChatChanges {
  constructor(
    private readonly db: Database,
    private readonly mutex: ChatMutex,
    private readonly announce: Announce,
  ) {}

  /**
   * Changes settings of a chat: all that are given, as one event, or none. Repeating it changes nothing. Returns the chat's head then.
   * @throws DomainError `BAD_USER_INPUT`; `CONFLICT` when another chat has the name or the external id; `NOT_FOUND`; `FORBIDDEN`,
   * rule `chat.role`, `chat.direct` or `chat.archived`; `UNAUTHENTICATED`; `SERVICE_UNAVAILABLE` while the chat's row is locked
   */
  async update(viewer: Viewer, chat: string, given: GivenSettings): Promise<ChatHead> {
    const settings = checkSettings(given);
    const action = actionOf(settings);
    if (!action) throw badInput('id', 'Give at least one setting beside the id.');
    const { chatId, values } = await this.enter(viewer, chat, action);
    const change = await this.run(chatId, action, () =>
      query<SettingsChange>(this.db, SET, [...values, JSON.stringify(settings)]),
    );
    const { epoch, seq } = change;
    if (change.outcome === 'updated') announceUpdate(this.announce, chatId, requireUserIn(viewer, chat), change);
    return { chatId, epoch, seq };
  }

  /**
   * Ends a chat, on an admin's word: its name is free, and nobody reads it any more but its members of now, who may resume up to
   * `chat.deleted` for as long as its log is kept.
   * @throws DomainError `NOT_FOUND`; `FORBIDDEN`, rule `chat.role` or `chat.direct`; `UNAUTHENTICATED`; `SERVICE_UNAVAILABLE` while the
   * chat's row is locked
   */
  async delete(viewer: Viewer, chat: string): Promise<void> {
    const { chatId, values } = await this.enter(viewer, chat, 'deleteChat');
    const { epoch, seq, at } = await this.run(chatId, 'deleteChat', () =>
      query<SettingsChange>(this.db, DELETE, values),
    );
    const actor = requireUserIn(viewer, chat);
    this.announce({ type: 'chat.deleted', chatId, epoch, seq, at: at.toISOString(), actor });
  }

  /** Refuses before it waits for the chat's row. The statement checks again under that lock. */
  private async enter(viewer: Viewer, chat: string, action: ChatAction) {
    const { id: userId } = requireUserIn(viewer, chat);
    const chatId = canonicalId(chat);
    if (chatId === undefined) throw chatNotFound();
    const [standing] = await readStandings(this.db, [{ chatId, userId }]);
    // What is so already may be asked for again in an archived chat: the statement decides.
    requireAction(viewer, standing && { ...standing, isArchived: false }, action);
    return { chatId, values: [chatId, userId, viewer.familyId, rightOf(action, viewer)] };
  }

  /** @throws DomainError for an outcome that is a refusal */
  private async run(
    chatId: string,
    action: ChatAction,
    change: () => Promise<SettingsChange[]>,
  ): Promise<SettingsChange> {
    const [changed] = await this.mutex.run(chatId, change).catch((error: unknown) => {
      throw chatTaken(error) ?? error;
    });
    if (changed && isAccessRefusal(changed.outcome)) throw accessRefused(changed.outcome, action);
    switch (changed?.outcome) {
      case 'updated':
      case 'repeated':
      case 'deleted':
        return changed;
      case 'no_admin':
        throw externalIdOfAdmins();
      default:
        throw new Error(`A change of a chat has an unknown outcome: ${changed?.outcome}.`);
    }
  }
}

/** Announces the event of a change. */
export function announceUpdate(
  announce: Announce,
  chatId: string,
  actor: UserProfile,
  { epoch, seq, at, changed, chat }: SettingsChange,
): void {
  const entry = { chatId, epoch, seq, at: at.toISOString(), actor, facts: { changed } };
  announce({ type: 'chat.updated', ...entry, chat: loggedChatOfJson(chat) });
}

const ACTIONS: Partial<Record<ChatSetting, ChatAction>> = {
  name: 'rename',
  slowSeconds: 'slowMode',
  archived: 'archive',
};

/** The action that needs the highest role; undefined when nothing is given. */
function actionOf(settings: CheckedSettings): ChatAction | undefined {
  const actions = CHAT_SETTINGS.filter((name) => settings[name] !== undefined).map(
    (name) => ACTIONS[name] ?? 'settings',
  );
  return actions.find((action) => action !== 'slowMode') ?? actions[0];
}
