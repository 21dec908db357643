import { type Database, query } from '../database.js';
import { badInput } from '../errors.js';
import { checkText } from '../text.js';
import { requireUser, type Viewer } from '../viewer.js';
import { foldName } from './chat-names.js';

/** What everybody may know of a public chat. */
export interface PublicChat {
  id: string;
  name: string;
  topic: string;
  memberCount: number;
  createdAt: Date;
}

export interface PublicChatPage {
  /** The beginning of the name, in any case. */
  query?: string | null | undefined;
  first: number;
  /** The id of the last chat of the page before. */
  after?: string | undefined;
}

const MAX_QUERY_LENGTH = 100;

// The order and the bounds are those of chats_public_idx: a page reads no other chats. U+10FFFF is behind every character.
const PAGE = {
  name: 'public-chats-page',
  text: `SELECT c.id, c.name, c.topic, c.member_count AS "memberCount", c.created_at AS "createdAt" FROM chats c
    WHERE c.visibility = 'public' AND c.deleted_at IS NULL AND c.archived_at IS NULL
      AND c.name_key COLLATE "C" >= $1 AND c.name_key COLLATE "C" < $1 || U&'\\+10FFFF' AND c.name_key COLLATE "C" > $2
      AND NOT is_banned(c.id, $4, now())
    ORDER BY c.name_key COLLATE "C" LIMIT $3`,
};
/** Of a public chat alone: the place of another would tell its name. */
const PLACE = {
  name: 'public-chats-place',
  text: `SELECT name_key AS "nameKey" FROM chats WHERE id = $1 AND visibility = 'public' AND name_key IS NOT NULL`,
};

/** Lists the chats that everybody may join. */
export class PublicChats {
  constructor(private readonly db: Database) {}

  /**
   * Public chats in the order of their names, but for archived ones, which nobody may join, and those that the viewer is banned from.
   * @throws DomainError `UNAUTHENTICATED`; `FORBIDDEN`; `BAD_USER_INPUT`, fields `query` and `after`
   */
  async list(viewer: Viewer | null, { query: beginning, first, after }: PublicChatPage): Promise<PublicChat[]> {
    const { id: userId } = requireUser(viewer);
    const prefix = foldName(checkText('query', beginning ?? '', { min: 0, max: MAX_QUERY_LENGTH }));
    const place = after === undefined ? '' : await this.placeOf(after);
    return query<PublicChat>(this.db, PAGE, [prefix, place, first, userId]);
  }

  private async placeOf(after: string): Promise<string> {
    const [row] = await query<{ nameKey: string }>(this.db, PLACE, [after]);
    if (!row) throw badInput('after', 'after must be the id of a public chat.');
    return row.nameKey;
  }
}
