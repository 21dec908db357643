import type { Database } from '../database.js';
import { chatNotFound } from '../errors.js';
import { batched } from '../queues/batched.js';
import { canonicalId } from '../text.js';
import { requireUserIn, type Viewer } from '../viewer.js';
import { requireAction } from './chat-access.js';
import { type Place, readStandings } from './standings.js';

/** Says who may tell a chat that they are typing: who may send a message to it, but for slow mode. */
export class TypingRights {
  private readonly standings = batched(async (places: readonly Place[]) => {
    const standings = await readStandings(this.db, places);
    return standings.map((standing) => standing ?? null);
  });

  constructor(private readonly db: Database) {}

  /**
   * Returns the chat's id as PostgreSQL writes it.
   * @throws DomainError as `requireAction`
   */
  async require(viewer: Viewer, chat: string): Promise<string> {
    const chatId = canonicalId(chat);
    const { id: userId } = requireUserIn(viewer, chat);
    if (chatId === undefined) throw chatNotFound();
    requireAction(viewer, (await this.standings.add({ chatId, userId })) ?? undefined, 'type');
    return chatId;
  }
}
