import { setTimeout as sleep } from 'node:timers/promises';
import { HALL } from '../../world/identities.js';
import { inParallel } from '../closed-loop.js';
import { dismiss, OPENINGS_AT_ONCE, openMember } from '../crowd.js';
import type { Work } from '../job.js';
import { Ledger } from '../ledger.js';
import type { Run } from '../run.js';

type Idle = Extract<Work, { kind: 'idle' }>;

/** Sockets that come, and then only are there: one person each, all in the hall, where nobody says a word. */
export async function idle(run: Run, { sockets, seconds }: Idle) {
  const ledger = new Ledger(HALL, run.tally, 0);
  const members = await openAll();
  // The heap is as large as the upgrades left it; what stays is seen once it has been tidied up.
  await run.measure('idle', async () => void (await sleep(seconds * 1000)));
  dismiss(run, [{ ledger, members }]);

  async function openAll() {
    let opened: Awaited<ReturnType<typeof openMember>>[] = [];
    await run.measure('connect', async () => {
      opened = await inParallel(sockets, OPENINGS_AT_ONCE, async (index) => {
        const member = await openMember(run, ledger, index);
        run.tally.connected += 1;
        return member;
      });
    });
    return opened;
  }
}
