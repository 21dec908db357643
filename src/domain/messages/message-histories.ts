import { type Database, query } from '../database.js';
import { profileOfJson } from '../log/message-rows.js';
import type { UserProfile } from '../profile.js';

/** What a message said before an edit. */
export interface MessageRevision {
  /** 0 for the words that were sent. */
  revision: number;
  content: string;
  /** When these words were written: ISO 8601, UTC. */
  at: string;
  editor: UserProfile;
}

export interface RevisionPage {
  /** At most this many. */
  first: number;
  /** Only revisions above this; -1 for all. */
  after: number;
}

interface RevisionRow {
  revision: number;
  content: string;
  at: Date;
  editor: UserProfile;
}

const HISTORY = {
  name: 'message-history',
  text: `SELECT r.revision, r.content, r.at, profile_as_json(u) AS editor
    FROM message_revisions r JOIN users u ON u.id = r.editor_id
    WHERE r.chat_id = $1 AND r.seq = $2 AND r.revision > $3 AND r.content IS NOT NULL ORDER BY r.revision LIMIT $4`,
};

/** Reads the earlier versions of messages. Callers check access first (`MessageRights.requireHistory`). */
export class MessageHistories {
  constructor(private readonly db: Database) {}

  /** The earlier versions of a message, oldest first, without the present one. */
  async read(
    { chatId, seq }: { chatId: string; seq: number },
    { first, after }: RevisionPage,
  ): Promise<MessageRevision[]> {
    const rows = await query<RevisionRow>(this.db, HISTORY, [chatId, seq, after, first]);
    return rows.map(({ revision, content, at, editor }) => ({
      revision,
      content,
      at: at.toISOString(),
      editor: profileOfJson(editor),
    }));
  }
}
