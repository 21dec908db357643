import { afterEach, expect, test } from 'vitest';
import { type Fault, startFaultyTarget } from './faulty-target.js';
import type { Work } from './job.js';
import { Run } from './run.js';
import { fanOut } from './works/fan-out.js';

const STALL_MS = 300;
const work = {
  kind: 'fan-out',
  listeners: 5,
  sendOverHttp: false,
  inFlight: 3,
  warmUpSeconds: 0.1,
  seconds: 0.2,
} as const satisfies Work;
let close = () => {};
afterEach(() => close());

async function outcomeAt(fault: Fault, ordered: boolean) {
  const target = await startFaultyTarget(fault);
  close = target.close;
  const address = { port: target.port, dialect: 'channel', http: 'plain', ordered } as const;
  const run = new Run({ target: address, work }, async () => {}, STALL_MS);
  await fanOut(run, work);
  return run.outcome();
}

test('A target that does nothing wrong is counted in full', async () => {
  const { messages, deliveries, outOfOrder, delivery } = await outcomeAt('none', true);
  expect(messages).toBeGreaterThan(3);
  expect(deliveries).toBe(messages * work.listeners);
  expect(outOfOrder).toBe(0);
  expect(delivery?.p99).toBeGreaterThan(0);
});

test('A swap is counted where no order is promised', async () => {
  expect((await outcomeAt('swaps', false)).outOfOrder).toBe(1);
});

test.each<{ fault: Fault; ordered: boolean; reason: RegExp }>([
  { fault: 'drops', ordered: true, reason: /number 11 came where 10 was due/ },
  { fault: 'drops', ordered: false, reason: /a message is missing/ },
  { fault: 'repeats', ordered: true, reason: /number 10 came twice/ },
  { fault: 'repeats', ordered: false, reason: /number 10 came twice/ },
  { fault: 'swaps', ordered: true, reason: /number 11 came where 10 was due/ },
  { fault: 'alters', ordered: true, reason: /A message that nobody sent|in different forms/ },
  { fault: 'refuses', ordered: true, reason: /Refused/ },
  { fault: 'acknowledges wrongly', ordered: true, reason: /acknowledged as 11 and delivered as 10/ },
  { fault: 'hangs up', ordered: true, reason: /A socket of hall ended/ },
])('A target that $fault a message makes the run invalid (ordered: $ordered)', async ({ fault, ordered, reason }) => {
  await expect(outcomeAt(fault, ordered)).rejects.toThrow(reason);
});
