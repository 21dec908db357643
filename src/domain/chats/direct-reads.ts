import { type Database, query } from '../database.js';
import { RecentMap } from '../recent-map.js';
import { isAdmin, userOf, type Viewer } from '../viewer.js';
import type { AdminReading } from './rights.js';

const NOTE = { name: 'direct-reads-note', text: 'SELECT note_direct_reads($1, $2, $3::uuid[])' };

/** Pairs of an admin and a chat that are remembered. At most for an hour: that is what one act in the log stands for. */
const REMEMBERED = { max: 20_000, keptMs: 1_800_000 };

/**
 * Writes to the audit log that admins read other people's direct chats, where they may (`ADMINS_READ_DIRECT_CHATS`). An hour of reading a
 * chat is one act, and so is a stream, however long it lasts.
 */
export class DirectReads {
  private readonly isOn: boolean;
  private readonly noted = new RecentMap<true>(REMEMBERED);

  constructor(
    private readonly db: Database,
    { adminsReadDirectChats = false }: AdminReading,
  ) {
    this.isOn = adminsReadDirectChats;
  }

  /**
   * Resolves when what the viewer reads is in the log. Call it before anything of these chats is told, which the viewer may read.
   * @throws DomainError `SERVICE_UNAVAILABLE` when the log cannot be written
   */
  async note(viewer: Viewer | null, chatIds: readonly string[]): Promise<void> {
    if (!this.isOn || !viewer || !isAdmin(viewer)) return;
    const { id } = userOf(viewer);
    const fresh = chatIds.filter((chatId) => !this.noted.get(`${id} ${chatId}`));
    if (fresh.length === 0) return;
    await query(this.db, NOTE, [id, viewer.familyId, fresh]);
    for (const chatId of fresh) this.noted.set(`${id} ${chatId}`, true);
  }
}
