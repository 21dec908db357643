import { type Database, query } from '../database.js';
import { chatNotFound } from '../errors.js';
import { canonicalId } from '../text.js';
import { requireScope, requireUserIn, type Viewer } from '../viewer.js';
import type { MineCallbacks } from './callbacks.js';
import type { ChatState, ChatStates, Notify } from './chat-states.js';
import { type MineRefusal, mineRefused } from './marker-refusals.js';
import { retryLocked } from './retry-locked.js';

/** What is undefined stays. */
export interface PreferenceChange {
  chatId: string;
  /** Null: the default, which depends on the chat's size. */
  notify?: Notify | null | undefined;
  hidden?: boolean | undefined;
}

const SET = { name: 'chat-preferences-set', text: 'SELECT outcome FROM set_chat_preferences($1, $2, $3, $4, $5)' };

/** Sets how chats are shown to their members. */
export class ChatPreferences {
  constructor(
    private readonly db: Database,
    private readonly states: ChatStates,
    private readonly callbacks: MineCallbacks,
  ) {}

  /**
   * Changes the viewer's preferences in a chat, and returns what the chat is to the viewer then.
   * @throws DomainError as `Markers`
   */
  async set(viewer: Viewer, { chatId: chat, notify, hidden }: PreferenceChange): Promise<ChatState> {
    const { id: userId } = requireUserIn(requireScope(viewer, 'write'), chat);
    const chatId = canonicalId(chat);
    if (chatId === undefined) throw chatNotFound();
    const values = [userId, chatId, notify !== undefined, notify ?? null, hidden ?? null];
    const [row] = await retryLocked(() => query<{ outcome: 'set' | 'same' | MineRefusal }>(this.db, SET, values));
    if (!row) throw new Error('set_chat_preferences gave no row.');
    if (row.outcome !== 'set' && row.outcome !== 'same') throw mineRefused(row.outcome, viewer);
    if (row.outcome === 'set') this.callbacks.stateChanged(userId, [chatId], false);
    const state = await this.states.ofMember({ userId, chatId });
    if (!state) throw chatNotFound();
    return state;
  }
}
