import { describe, expect, it } from 'vitest';
import { slotOf } from '../../src/delivery/redis/cluster-map.js';
import { readRedisUrl } from '../../src/delivery/redis/target.js';

const OPEN = { username: undefined, password: undefined, isTls: false };
const address = (host: string, port: number) => ({ host, port });

describe('REDIS_URL', () => {
  it.each([
    ['redis://cache', { form: 'single', ...OPEN, address: address('cache', 6379), database: 0 }],
    ['redis://cache:6380/7', { form: 'single', ...OPEN, address: address('cache', 6380), database: 7 }],
    ['redis://[::1]:6380', { form: 'single', ...OPEN, address: address('::1', 6380), database: 0 }],
    [
      'rediss://ann:a%40b,c@cache/',
      { form: 'single', username: 'ann', password: 'a@b,c', isTls: true, address: address('cache', 6379), database: 0 },
    ],
    ['redis://:a:b@cache', { form: 'single', ...OPEN, password: 'a:b', address: address('cache', 6379), database: 0 }],
    [
      'redis://:x@a:1,redis://b,redis://:x@[::1]:3',
      { form: 'cluster', ...OPEN, password: 'x', nodes: [address('a', 1), address('b', 6379), address('::1', 3)] },
    ],
    ['redis+cluster://a:1,b', { form: 'cluster', ...OPEN, nodes: [address('a', 1), address('b', 6379)] }],
    ['rediss+cluster://a', { form: 'cluster', ...OPEN, isTls: true, nodes: [address('a', 6379)] }],
    [
      'redis+sentinel://:x@a,b:2/my-master',
      {
        form: 'sentinel',
        ...OPEN,
        password: 'x',
        sentinels: [address('a', 26_379), address('b', 2)],
        masterName: 'my-master',
        database: 0,
      },
    ],
    [
      'rediss+sentinel://a/main/3',
      { form: 'sentinel', ...OPEN, isTls: true, sentinels: [address('a', 26_379)], masterName: 'main', database: 3 },
    ],
  ])('is read: %s', (url, target) => {
    expect(readRedisUrl(url)).toEqual({ target });
  });

  it.each([
    ['redis://a:1,b:2', /several servers as redis:\/\/host1:6379,redis:\/\/host2:6379/],
    ['redis://a:1,redis+cluster://b', /must name a cluster as/],
    ['redis://a/1,redis://b', /no numbered databases/],
    ['redis+cluster://a/1', /no numbered databases/],
    ['redis://:secret@a,redis://:other@b', /same user and password/],
    ['redis://a,rediss://b', /rediss:\/\/ in all of them/],
    ['redis+sentinel://a:1,b:2', /name of the master/],
    ['redis+sentinel://a/my master', /name of the master/],
    ['redis+sentinel://a/main/one', /name of the master/],
    ['redis+cluster://a:1,', /must name a host/],
    ['redis://', /must name a host/],
    ['redis://a:0', /a port from 1 to 65535/],
    ['redis://a:65536', /a port from 1 to 65535/],
    ['redis+cluster://a:x,b', /hosts such as host:6379/],
    ['redis://:%zz@a', /begins no escape/],
    ['redis+cluster://a?timeout=1', /parameter "timeout"/],
    ['redis+sentinel://a/main#x', /must not have a #/],
    ['redis+cluster:a', /must be a URL/],
  ])('is refused in one sentence, without its values: %s', (url, sentence) => {
    const { problems = [] } = readRedisUrl(url);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(sentence);
    expect(problems[0]).toMatch(/^REDIS_URL .*\.$/);
    expect(problems[0]).not.toMatch(/secret|other/);
  });
});

it.each([
  ['123456789', 12_739],
  ['foo', 12_182],
  ['{user1000}.following', 3443],
  ['user1000', 3443],
  ['foo{}{bar}', 8363],
  ['ä€😀', 2315],
])('the slot of %s is the one that Redis gives it', (name, slot) => {
  expect(slotOf(name)).toBe(slot);
});
