import { expect, it } from 'vitest';
import { deferred } from '../support/deferred.js';
import type { Fault } from './faults.js';
import { carryOut } from './plan.js';

const crash: Fault = { kind: 'crash postgres', forMs: 0 };
const terminate: Fault = { kind: 'terminate backends' };
const kill: Fault = { kind: 'kill redis', forMs: 0 };

it('breaks nothing before what comes before it in its sequence is mended, whatever happens beside it', async () => {
  const seen: string[] = [];
  const redisBack = deferred<void>();
  const first = [
    { atMs: 0, fault: crash },
    { atMs: 1, fault: terminate },
  ];
  await carryOut([first, [{ atMs: 20, fault: kill }]], async (fault) => {
    seen.push(`${fault.kind} began`);
    if (fault === crash) await redisBack.promise;
    if (fault === kill) redisBack.resolve();
    seen.push(`${fault.kind} ended`);
  });
  expect(seen).toEqual([
    'crash postgres began',
    'kill redis began',
    'kill redis ended',
    'crash postgres ended',
    'terminate backends began',
    'terminate backends ended',
  ]);
});
