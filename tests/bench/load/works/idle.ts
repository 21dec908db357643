import { HALL } from '../../world/identities.js';
import { inParallel } from '../closed-loop.js';
import { dismiss, OPENINGS_AT_ONCE, openMember } from '../crowd.js';
import type { Work } from '../job.js';
import { Ledger } from '../ledger.js';
import type { Member } from '../member.js';
import type { Run } from '../run.js';

type Idle = Extract<Work, { kind: 'idle' }>;

/** Sockets that come, and then only are there: one person each, all in the hall, where nobody says a word. */
export async function idle(run: Run, { sockets, seconds }: Idle) {
  const ledger = new Ledger(HALL, run.tally, 0);
  const members: Member[] = [];
  await run.measure('connect', async () => {
    await inParallel(sockets, OPENINGS_AT_ONCE, async (index) => {
      members.push(await openMember(run, ledger, index));
      run.tally.connected += 1;
    });
  });
  // The memory is what the upgrades left it; what stays of it is seen once it has been tidied up.
  await run.measureQuiet('idle', seconds);
  dismiss(run, [{ ledger, members }]);
}
