import { type Database, query } from '../database.js';
import { Sweeper } from '../sweeper.js';
import { type AuditHead, anchorText } from './audit-log.js';

/** How often a process looks whether the day's anchor is due, in milliseconds. */
const INTERVAL_MS = 600_000;

// Of several processes at once, the first has the row, and the others find it done. A log without entries has no anchor.
const TAKE = {
  name: 'audit-anchor-take',
  text: `UPDATE audit_head SET anchored_on = (now() AT TIME ZONE 'UTC')::date
    WHERE seq > 0 AND anchored_on IS DISTINCT FROM (now() AT TIME ZONE 'UTC')::date RETURNING seq, hash`,
};

/** Tells the head of the audit log once a day (UTC), by one process for all: kept elsewhere, it proves later that the log was not rewritten. */
export class DailyAnchors {
  private readonly sweeper: Sweeper;

  /** @param onAnchor called with what `manage audit anchor` prints */
  constructor(
    private readonly db: Database,
    private readonly onAnchor: (anchor: string) => void,
    { onError, intervalMs = INTERVAL_MS }: { onError: (error: unknown) => void; intervalMs?: number },
  ) {
    this.sweeper = new Sweeper(() => this.tell(), { intervalMs, onError });
  }

  /** Tells it if it is due. Always false: there is no more to do. */
  async tell(): Promise<boolean> {
    const [head] = await query<AuditHead>(this.db, TAKE, []);
    if (head) this.onAnchor(anchorText(head));
    return false;
  }

  close(): Promise<void> {
    return this.sweeper.close();
  }
}
