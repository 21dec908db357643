import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import type { Bus } from '../delivery/bus.js';
import { InProcessBus } from '../delivery/in-process-bus.js';
import { RedisBus } from '../delivery/redis-bus.js';

declare module 'fastify' {
  interface FastifyInstance {
    bus: Bus;
  }
}

export interface BusOptions {
  /** Without it the service is one process and needs no carrier. */
  redisUrl: string | undefined;
  /** Keeps services that share one Redis apart. */
  prefix?: string;
}

async function bus(app: FastifyInstance, { redisUrl, prefix = 'chat-api:' }: BusOptions) {
  const onError = (error: Error) => app.log.warn({ err: error }, 'Redis is away; delivery goes by the log');
  const carrier =
    redisUrl === undefined ? new InProcessBus() : await RedisBus.connect({ url: redisUrl, prefix, onError });
  app.decorate('bus', carrier);
  app.addHook('onClose', () => carrier.close());
}

export default fp(bus, { name: 'bus' });
