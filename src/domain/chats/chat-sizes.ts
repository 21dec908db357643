import { type Database, query } from '../database.js';
import { RecentMap } from '../recent-map.js';

// Counts no further than the limit.
const smallChats = (name: string, condition: string) => ({
  name,
  text: `SELECT asked.id FROM unnest($1::uuid[]) AS asked (id) WHERE $2::int >= (
    SELECT count(*) FROM (
      SELECT FROM chat_memberships m WHERE m.chat_id = asked.id AND m.left_at IS NULL LIMIT $2::int + 1) members)${condition}`,
});

const ALL = smallChats('chats-of-at-most', '');
const WITH_RECEIPTS = smallChats(
  'chats-with-receipts-of-at-most',
  ' AND (SELECT c.receipts FROM chats c WHERE c.id = asked.id)',
);

/** How long an answer is used again, in milliseconds. */
const KNOWN_MS = 30_000;
const MAX_KNOWN = 20_000;

/** Tells small chats from large ones. An answer may be a minute old. */
export class ChatSizes {
  private readonly known = new RecentMap<boolean>({ max: MAX_KNOWN, keptMs: KNOWN_MS });

  /**
   * @param limit the most members of a small chat; infinity makes every chat a small one
   * @param withReceipts a chat whose receipts are switched off is none either
   */
  constructor(
    private readonly db: Database,
    private readonly limit: number,
    private readonly withReceipts = false,
  ) {}

  /** The small ones among these chats. One query for those that are not known. */
  async small(chatIds: readonly string[]): Promise<Set<string>> {
    if (this.limit === Number.POSITIVE_INFINITY) return new Set(chatIds);
    const small = new Set(chatIds.filter((id) => this.known.get(id)));
    const unknown = chatIds.filter((id) => this.known.get(id) === undefined);
    if (unknown.length === 0) return small;
    const rows = await query<{ id: string }>(this.db, this.withReceipts ? WITH_RECEIPTS : ALL, [unknown, this.limit]);
    for (const { id } of rows) small.add(id);
    for (const id of unknown) this.known.set(id, small.has(id));
    return small;
  }
}
