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
  app.decorate(
    'bus',
    await openBus(redisUrl, prefix, (error) => app.log.warn({ err: error }, 'Redis is away; delivery goes by the log')),
  );
  app.addHook('onClose', () => app.bus.close());
}

/** Redis where one is configured, this process alone otherwise. */
export async function openBus(
  redisUrl: string | undefined,
  prefix: string,
  onError: (error: Error) => void,
): Promise<Bus> {
  return redisUrl === undefined ? new InProcessBus() : RedisBus.connect({ url: redisUrl, prefix, onError });
}

export default fp(bus, { name: 'bus' });
