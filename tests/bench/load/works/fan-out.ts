import { setTimeout as sleep } from 'node:timers/promises';
import { person } from '../../world/identities.js';
import { closedLoop } from '../closed-loop.js';
import { type Assembly, assembleHall, dismiss } from '../crowd.js';
import { openSenders } from '../http-sender.js';
import type { Work } from '../job.js';
import type { Run } from '../run.js';
import { InvalidRun } from '../tally.js';

type FanOut = Extract<Work, { kind: 'fan-out' }>;

const PROBES = 20;
const PROBE_PATIENCE_MS = 2000;

/** Everybody in the hall hears everything; a message is over when it is acknowledged and all have it. */
export async function fanOut(run: Run, { listeners, sendOverHttp, inFlight, warmUpSeconds, seconds }: FanOut) {
  const hall = await run.watched(assembleHall(run, listeners, 0));
  const { say, close } = sendOverHttp ? overHttp(run, hall, inFlight) : overSockets(hall);
  await run.watched(untilAllListen(hall, () => say(0)));
  await run.watched(closedLoop(inFlight, warmUpSeconds, say));
  await run.measure('load', () => closedLoop(inFlight, seconds, say));
  dismiss(run, [hall]);
  close();
}

/** Everybody's turn comes, so that no socket sends more than its share. */
function overSockets({ members }: Assembly) {
  let turn = 0;
  return {
    say: async (_slot: number) => {
      turn += 1;
      await members[turn % members.length]?.say();
    },
    close: () => {},
  };
}

function overHttp(run: Run, { ledger }: Assembly, inFlight: number) {
  const { senders, close } = openSenders(run.target, inFlight);
  return {
    say: async (slot: number) => {
      await senders[slot]?.say(ledger, person(slot));
    },
    close,
  };
}

/** A subscription does not say from when on it listens: messages are sent until one has reached everybody. */
async function untilAllListen({ ledger }: Assembly, say: () => Promise<void>): Promise<void> {
  for (let probe = 0; probe < PROBES; probe += 1) {
    const reached = await Promise.race([say().then(() => true), sleep(PROBE_PATIENCE_MS, false, { ref: false })]);
    if (reached) return;
    ledger.forgetUnsettled();
  }
  throw new InvalidRun(`Not all listeners have heard one of ${PROBES} messages.`);
}
