import { readFile } from 'node:fs/promises';
import { hash } from '@node-rs/argon2';
import { describe, expect, it } from 'vitest';
import { PasswordHasher } from '../../../src/domain/credentials/passwords.js';

describe('PasswordHasher', () => {
  const hasher = new PasswordHasher();

  it('hashes by argon2id with 19,456 KiB, two passes and one lane', async () => {
    expect(await hasher.hash('secret')).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[^$]+\$[^$]+$/);
  });

  it('knows the right password from a wrong one', async () => {
    const stored = await hasher.hash('p💬ss\0wörd');
    expect(await hasher.verify(stored, 'p💬ss\0wörd')).toBe(true);
    expect(await hasher.verify(stored, 'p💬ss')).toBe(false);
    expect(await hasher.verify(stored, '')).toBe(false);
  });

  it('says no without a hash, after the same work', async () => {
    const stored = await hasher.hash('secret');
    await hasher.verify(null, 'warm up');
    const timed = async (subject: string | null) => {
      const start = performance.now();
      expect(await hasher.verify(subject, 'wrong')).toBe(false);
      return performance.now() - start;
    };
    // In turns, so that what else the machine does meets both; the shortest is what the work takes.
    let [ofNobody, ofSomebody] = [Infinity, Infinity];
    for (let round = 0; round < 10; round += 1) {
      ofNobody = Math.min(ofNobody, await timed(null));
      ofSomebody = Math.min(ofSomebody, await timed(stored));
    }
    expect(ofNobody).toBeGreaterThan(ofSomebody / 2);
  });

  it('says no to a hash of a scheme that it does not know', async () => {
    expect(await hasher.verify('', '')).toBe(false);
    expect(await hasher.verify('md5$salt$hash', 'secret')).toBe(false);
  });

  it('wants hashes of other parameters replaced', async () => {
    expect(hasher.needsRehash(await hasher.hash('secret'))).toBe(false);
    expect(hasher.needsRehash(await hash('secret', { memoryCost: 8192, timeCost: 1 }))).toBe(true);
  });

  it('leaves a thread to files and names while a flood of passwords is hashed', async () => {
    let hashed = 0;
    const flood = Array.from({ length: 40 }, () =>
      hasher.hash('secret').then(() => {
        hashed += 1;
      }),
    );
    await readFile(import.meta.filename);
    expect(hashed).toBeLessThan(20);
    await Promise.all(flood);
  });

  it('lets a flood wait, and refuses what is too much with SERVICE_UNAVAILABLE', async () => {
    const small = new PasswordHasher({ parallel: 1, maxWaiting: 2 });
    const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => small.hash('secret')));
    expect(outcomes.map((outcome) => outcome.status)).toEqual([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'rejected',
      'rejected',
    ]);
    expect(outcomes[4]).toMatchObject({ reason: { code: 'SERVICE_UNAVAILABLE', retryAfterMs: 1000 } });
    await expect(small.hash('secret')).resolves.toBeDefined();
  });
});
