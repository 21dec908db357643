import { describe, expect, it } from 'vitest';
import { WorkLimit } from '../../src/domain/work-limit.js';

describe('WorkLimit', () => {
  it('runs so many tasks at a time and the others in the order they came', async () => {
    const limit = new WorkLimit({ parallel: 2, maxWaiting: 10 });
    const started: number[] = [];
    const finish: (() => void)[] = [];
    const tasks = [0, 1, 2, 3].map((index) =>
      limit.run(() => {
        started.push(index);
        return new Promise<void>((resolve) => {
          finish[index] = resolve;
        });
      }),
    );
    await expect.poll(() => started).toEqual([0, 1]);
    finish[1]?.();
    await tasks[1];
    await expect.poll(() => started).toEqual([0, 1, 2]);
    finish[0]?.();
    await tasks[0];
    await expect.poll(() => started).toEqual([0, 1, 2, 3]);
    finish[2]?.();
    finish[3]?.();
    await Promise.all(tasks);
  });

  it('frees the place of a task that fails', async () => {
    const limit = new WorkLimit({ parallel: 1, maxWaiting: 0 });
    await expect(limit.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    await expect(limit.run(async () => 'yes')).resolves.toBe('yes');
  });
});
