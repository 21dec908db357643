import type { Database } from '../database.js';
import { AuditLog } from './audit-log.js';

export interface ModerationServices {
  auditLog: AuditLog;
}

/** Creates the services of this room. */
export function moderationServices(db: Database): ModerationServices {
  return { auditLog: new AuditLog(db) };
}
