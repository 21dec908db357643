import { EPOCH, HALL } from '../../world/identities.js';
import { dismiss, openMember } from '../crowd.js';
import type { Work } from '../job.js';
import { Ledger } from '../ledger.js';
import type { Member } from '../member.js';
import type { Run } from '../run.js';
import { InvalidRun } from '../tally.js';

type Resume = Extract<Work, { kind: 'resume' }>;

/** Everybody comes back at once and has missed the same number of messages; then one message reaches them all. */
export async function resume(run: Run, { clients, behind, head }: Resume) {
  const ledger = new Ledger(HALL, run.tally, head);
  const after = `${EPOCH}:${head - behind}`;
  const startAt = performance.now();
  const members: Member[] = [];
  await run.measure('load', async () => {
    await Promise.all(Array.from({ length: clients }, (_, index) => comeBack(index)));
  });
  for (const member of members)
    if (!member.hasAllUpTo(head)) throw new InvalidRun(`A client is live and due number ${member.next} of ${head}.`);
  await run.watched(members[0]?.say() ?? Promise.resolve());
  dismiss(run, [{ ledger, members }]);

  async function comeBack(index: number): Promise<void> {
    const member = await openMember(run, ledger, index, after);
    members.push(member);
    await member.untilLive();
    run.tally.answer.record(performance.now() - startAt);
    run.tally.connected += 1;
  }
}
