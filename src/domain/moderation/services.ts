import type { Database } from '../database.js';
import { AuditLog } from './audit-log.js';
import { Reports } from './reports.js';

export interface ModerationServices {
  auditLog: AuditLog;
  reports: Reports;
}

/** Creates the services of this room. */
export function moderationServices(db: Database): ModerationServices {
  return { auditLog: new AuditLog(db), reports: new Reports(db) };
}
