import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Bus } from '../../src/delivery/bus.js';
import { InProcessBus } from '../../src/delivery/in-process-bus.js';
import { RedisBus } from '../../src/delivery/redis-bus.js';
import { TcpProxy } from '../faults/tcp-proxy.js';
import { testRedisUrl } from '../support/redis.js';
import { waitUntil } from '../support/wait-until.js';

const KEY = Buffer.alloc(32);

/** The payloads that a topic brings, and a wait for the next one. */
async function listen(bus: Bus, topic: string) {
  const payloads: string[] = [];
  let notify = () => {};
  const handler = (payload: string) => {
    payloads.push(payload);
    notify();
  };
  await bus.subscribe([topic], handler);
  return {
    payloads,
    end: () => bus.unsubscribe([topic], handler),
    async until(count: number) {
      while (payloads.length < count)
        await new Promise<void>((resolve) => {
          notify = resolve;
        });
      return payloads;
    },
  };
}

function suite(open: () => Promise<Bus>) {
  let bus: Bus;
  beforeAll(async () => {
    bus = await open();
  });
  afterAll(() => bus.close());

  it('brings a topic’s payloads to every handler, once and in their order', async () => {
    const topic = randomUUID();
    const [one, two] = [await listen(bus, topic), await listen(bus, topic)];
    const sent = Array.from({ length: 100 }, (_, index) => `payload ${index} ünïcödé 🎈`);
    await Promise.all(sent.map((payload) => bus.publish(topic, payload)));
    expect(await one.until(100)).toEqual(sent);
    expect(await two.until(100)).toEqual(sent);
  });

  it('calls this process’s handlers before publish returns, whatever happens outside', async () => {
    const topic = randomUUID();
    const one = await listen(bus, topic);
    const published = bus.publish(topic, 'now');
    expect(one.payloads).toEqual(['now']);
    await published;
  });

  it('brings nothing of other topics, and nothing after the end', async () => {
    const topic = randomUUID();
    const one = await listen(bus, topic);
    const two = await listen(bus, topic);
    await bus.publish(`${topic}2`, 'other');
    one.end();
    await bus.publish(topic, 'later');
    await two.until(1);
    expect(one.payloads).toEqual([]);
    const again = await listen(bus, topic);
    await bus.publish(topic, 'again');
    expect(await again.until(1)).toEqual(['again']);
    two.end();
    again.end();
  });

  it('brings many topics to one handler, each payload with its topic, and leaves some of them', async () => {
    const topics: string[] = Array.from({ length: 2500 }, () => randomUUID());
    const [first = '', last = ''] = [topics[0], topics.at(-1)];
    const heard: string[] = [];
    const handler = (payload: string, topic: string) => heard.push(`${payload} ${topics.indexOf(topic)}`);
    await bus.subscribe(topics, handler);
    await bus.subscribe(topics.slice(0, 10), handler);
    await bus.publish(first, 'one');
    await bus.publish(last, 'two');
    bus.unsubscribe(topics.slice(1), handler);
    await bus.publish(last, 'three');
    await bus.publish(first, 'four');
    expect(heard).toEqual(['one 0', 'two 2499', 'four 0']);
    bus.unsubscribe(topics, handler);
  });

  it('says that it works', async () => {
    await expect(bus.check()).resolves.toBeUndefined();
  });
}

describe('the in-process bus', () => suite(async () => new InProcessBus()));

const redisUrl = testRedisUrl();

describe.skipIf(redisUrl === undefined)('the Redis bus (skipped unless TEST_REDIS_URL is set)', () => {
  const prefix = `test:${randomUUID()}:`;
  const errors: Error[] = [];
  const open = () =>
    RedisBus.connect({ url: redisUrl ?? '', prefix, key: KEY, onError: (error) => errors.push(error) });
  suite(open);

  it('brings payloads to other processes, and its own back only once', async () => {
    const [one, two] = [await open(), await open()];
    const [heardByOne, heardByTwo] = [await listen(one, 'chat'), await listen(two, 'chat')];
    await one.publish('chat', 'from one');
    expect(await heardByTwo.until(1)).toEqual(['from one']);
    await two.publish('chat', 'from two');
    expect(await heardByOne.until(2)).toEqual(['from one', 'from two']);
    expect(heardByTwo.payloads).toEqual(['from one', 'from two']);
    await Promise.all([one.close(), two.close()]);
  });

  it('makes no timer for a payload: one watches the connection', async () => {
    const bus = await open();
    const signals = vi.spyOn(AbortSignal, 'timeout');
    await bus.publish('chat', 'payload');
    expect(signals).not.toHaveBeenCalled();
    signals.mockRestore();
    await bus.close();
  });

  it('keeps services of other prefixes apart', async () => {
    const one = await open();
    const other = await RedisBus.connect({
      url: redisUrl ?? '',
      prefix: `${prefix}other:`,
      key: KEY,
      onError: () => {},
    });
    const [heardByOne, heardByOther] = [await listen(one, 'chat'), await listen(other, 'chat')];
    await one.publish('chat', 'ours');
    await other.publish('chat', 'theirs');
    expect(await heardByOther.until(1)).toEqual(['theirs']);
    expect(await heardByOne.until(1)).toEqual(['ours']);
    await Promise.all([one.close(), other.close()]);
  });
});

describe.skipIf(redisUrl === undefined)(
  'the Redis bus whose connections break (skipped unless TEST_REDIS_URL is set)',
  () => {
    const prefix = `test:${randomUUID()}:`;
    let proxy: TcpProxy;
    let bus: RedisBus;
    /** Another process, whose connections are whole. */
    let other: RedisBus;
    beforeAll(async () => {
      const { protocol, port, username, password } = new URL(redisUrl ?? '');
      proxy = await TcpProxy.listen({ port: Number(port || 6379) });
      const url = new URL(`${protocol}//127.0.0.1:${proxy.port}`);
      Object.assign(url, { username, password });
      bus = await RedisBus.connect({ url: url.href, prefix, key: KEY, onError: () => {} });
      other = await RedisBus.connect({ url: redisUrl ?? '', prefix, key: KEY, onError: () => {} });
    });
    afterAll(async () => {
      await Promise.all([bus.close(), other.close()]);
      await proxy.close();
    });

    it('tells that it did, and has all its topics again, also one whose subscription was on its way', async () => {
      const reset = new Promise<void>((resolve) => bus.onReset(resolve));
      const before = await listen(bus, 'before');
      proxy.stall('to client');
      const during = await listen(bus, 'during');
      proxy.cut();
      proxy.heal();
      await reset;
      // The subscriber's answer comes after those to the subscriptions; the publisher may still be on its way back.
      await waitUntil('An answer over both connections', 5000, () => bus.check().then(() => true));
      for (const topic of ['before', 'during']) await other.publish(topic, topic);
      expect(await before.until(1)).toEqual(['before']);
      expect(await during.until(1)).toEqual(['during']);
      before.end();
      during.end();
    });

    it('has a topic that was left and joined again before Redis had answered', async () => {
      const first = await listen(bus, 'again');
      proxy.stall('to client');
      first.end();
      const joining = listen(bus, 'again');
      proxy.heal();
      const second = await joining;
      await bus.check();
      await other.publish('again', 'heard');
      expect(await second.until(1)).toEqual(['heard']);
      expect(first.payloads).toEqual([]);
      second.end();
    });
  },
);

describe('the Redis bus without a Redis', () => {
  it('starts, serves its own process, says that it is away, and closes', async () => {
    const errors: Error[] = [];
    const bus = await RedisBus.connect({
      url: 'redis://127.0.0.1:1',
      prefix: 'x:',
      key: KEY,
      onError: (error) => errors.push(error),
    });
    const one = await listen(bus, 'chat');
    await expect(bus.publish('chat', 'hello')).rejects.toThrow();
    expect(one.payloads).toEqual(['hello']);
    await expect(bus.check()).rejects.toThrow();
    expect(errors.length).toBeGreaterThan(0);
    await bus.close();
  });
});
