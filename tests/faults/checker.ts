import { checkChanges } from './checks/changes.js';
import { checkCounts } from './checks/counts.js';
import { checkDeletedTexts } from './checks/deleted-texts.js';
import { checkInboxes } from './checks/inboxes.js';
import { checkLog } from './checks/log.js';
import { checkMembers } from './checks/members.js';
import { checkReasons } from './checks/reasons.js';
import { checkRecovery } from './checks/recovery.js';
import { checkSends } from './checks/sends.js';
import { checkShownStates } from './checks/shown-states.js';
import { Stories } from './checks/stories.js';
import { checkStreams } from './checks/streams.js';
import { checkViews } from './checks/views.js';
import type { Violation } from './checks/violation.js';
import type { DatabaseState } from './database-state.js';
import type { Entry } from './entries.js';

/** Checks every promise against what the clients saw and what the database has. Pure: the same journal gives the same verdict. */
export function check(entries: readonly Entry[], database: DatabaseState): Violation[] {
  const stories = new Stories(entries, database);
  return [
    ...checkSends(stories),
    ...checkLog(stories),
    ...checkStreams(stories),
    ...checkInboxes(stories),
    ...checkShownStates(stories),
    ...checkViews(stories),
    ...checkChanges(stories),
    ...checkDeletedTexts(stories),
    ...checkCounts(stories),
    ...checkMembers(stories),
    ...checkReasons(stories),
    ...checkRecovery(stories),
  ];
}
