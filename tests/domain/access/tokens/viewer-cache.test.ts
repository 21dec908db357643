import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ViewerCache } from '../../../../src/domain/access/tokens/viewer-cache.js';
import type { Viewer } from '../../../../src/domain/viewer.js';
import { viewerOf } from '../../../support/services.js';

const user = {
  id: 'u1',
  username: 'ann',
  firstName: '',
  lastName: '',
  role: 'user' as const,
  kind: 'human' as const,
  dateJoined: '',
};

/** A cache in front of a reader that counts, and answers when it is told to. */
function counted(viewer: Viewer | undefined) {
  const reads: (() => void)[] = [];
  const cache = new ViewerCache(() => new Promise((resolve) => reads.push(() => resolve(viewer))));
  const ask = async (token = 'token') => {
    const before = reads.length;
    const answer = cache.authenticate(token);
    reads[before]?.();
    return answer;
  };
  return { cache, reads, ask };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] });
});

afterEach(() => {
  vi.useRealTimers();
});

describe('the cache of viewers', () => {
  it('asks once for a token that comes often, and again after five seconds', async () => {
    const { reads, ask } = counted(viewerOf(user));
    expect((await ask())?.user).toEqual(user);
    expect(await ask()).toBe(await ask());
    expect(reads).toHaveLength(1);
    vi.advanceTimersByTime(5000);
    await ask();
    expect(reads).toHaveLength(2);
  });

  it('asks each time for a token that is not good, and for one that has expired', async () => {
    const bad = counted(undefined);
    await bad.ask();
    await bad.ask();
    expect(bad.reads).toHaveLength(2);
    const expired = counted({
      ...viewerOf(user),
      expiresAt: new Date(Date.now() + 1000),
      endsAt: performance.now() + 1000,
    });
    await expired.ask();
    vi.advanceTimersByTime(1000);
    await expired.ask();
    expect(expired.reads).toHaveLength(2);
  });

  it('goes by no clock that somebody may set', async () => {
    const { reads, ask } = counted(viewerOf(user));
    await ask();
    for (const days of [-1, 2]) {
      vi.setSystemTime(Date.now() + days * 24 * 60 * 60 * 1000);
      await ask();
    }
    expect(reads).toHaveLength(1);
    vi.advanceTimersByTime(5000);
    await ask();
    expect(reads).toHaveLength(2);
  });

  it('forgets what ended, and nothing else', async () => {
    const viewer = viewerOf(user);
    const { cache, reads, ask } = counted(viewer);
    await ask();
    cache.forgetFamilies(['another']);
    cache.forgetUser('another');
    await ask();
    expect(reads).toHaveLength(1);
    cache.forgetFamilies([viewer.familyId]);
    await ask();
    cache.forgetUser(user.id);
    await ask();
    expect(reads).toHaveLength(3);
  });

  it('keeps no answer that was read before something ended', async () => {
    const { cache, reads, ask } = counted(viewerOf(user));
    const early = cache.authenticate('token');
    cache.forgetFamilies(['whatever']);
    reads[0]?.();
    expect(await early).toBeDefined();
    await ask();
    expect(reads).toHaveLength(2);
  });

  it('looks at nobody else to forget somebody', async () => {
    let looks = 0;
    const viewers = new Map<string, Viewer>();
    const watched = (viewer: Viewer): Viewer => ({
      ...viewer,
      get familyId() {
        looks += 1;
        return viewer.familyId;
      },
      get user() {
        looks += 1;
        return viewer.user;
      },
    });
    const cache = new ViewerCache(async (token) => viewers.get(token));
    for (let index = 0; index < 1000; index += 1)
      viewers.set(`other ${index}`, watched(viewerOf({ ...user, id: `other ${index}` })));
    const ann = viewerOf(user);
    viewers.set('ann', ann);
    viewers.set('ann, elsewhere', viewerOf(user));
    for (const token of viewers.keys()) await cache.authenticate(token);
    looks = 0;
    viewers.clear();
    cache.forgetFamilies([ann.familyId]);
    expect([await cache.authenticate('ann'), await cache.authenticate('ann, elsewhere')]).toMatchObject([
      undefined,
      { user },
    ]);
    cache.forgetUser(user.id);
    expect(await cache.authenticate('ann, elsewhere')).toBeUndefined();
    expect(looks).toBe(0);
    expect(await cache.authenticate('other 500')).toBeDefined();
  });
});
