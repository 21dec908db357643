import Fastify from 'fastify';
import { expect, it } from 'vitest';
import { RunningRequests } from '../../../src/plugins/limits/running-requests.js';

it('requests are late once each, and one that has ended is not', async () => {
  const running = new RunningRequests();
  const late: number[] = [];
  const app = Fastify();
  app.get('/', (_request, reply) => {
    running.begin(reply, 1000);
    late.push(...[999, 1000, 1000].map((limit) => running.takeLate(limit).length));
    running.begin(reply, 2000);
    running.end(reply.raw);
    running.end(reply.raw);
    late.push(running.takeLate(5000).length);
    return reply.send('');
  });
  await app.inject('/');
  expect(late).toEqual([0, 1, 0, 0]);
  await app.close();
});
