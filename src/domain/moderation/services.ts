import type { Database } from '../database.js';
import { Sweeper } from '../sweeper.js';
import { AuditLog } from './audit-log.js';
import { DailyAnchors } from './daily-anchors.js';
import { Reports } from './reports.js';

export interface ModerationServices {
  auditLog: AuditLog;
  reports: Reports;
}

export interface ModerationOptions {
  /** Called once a day, in one of all processes, with the head of the audit log as `manage audit anchor` prints it. */
  onAuditAnchor?: ((anchor: string) => void) | undefined;
}

/** How often old reports are looked for, in milliseconds. */
const REPORT_SWEEP_INTERVAL_MS = 600_000;

/** Creates the services of this room. `close` stops what they do by themselves. */
export function moderationServices(
  db: Database,
  onError: (error: unknown, doing: string) => void,
  { onAuditAnchor = () => {} }: ModerationOptions,
): { moderation: ModerationServices; close: () => Promise<void> } {
  const reports = new Reports(db);
  const sweeper = new Sweeper(() => reports.forgetOld(), {
    intervalMs: REPORT_SWEEP_INTERVAL_MS,
    onError: (error) => onError(error, 'delete old reports'),
  });
  const anchors = new DailyAnchors(db, onAuditAnchor, {
    onError: (error) => onError(error, 'write the anchor of the audit log'),
  });
  const close = async () => {
    await Promise.all([sweeper.close(), anchors.close()]);
  };
  return { moderation: { auditLog: new AuditLog(db), reports }, close };
}
