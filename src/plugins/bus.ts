import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import type { Bus } from '../delivery/bus.js';
import { InProcessBus } from '../delivery/in-process-bus.js';

declare module 'fastify' {
  interface FastifyInstance {
    bus: Bus;
  }
}

export interface BusOptions {
  /** Without it the service runs as one process, on the in-process bus. */
  redisUrl: string | undefined;
  /** First part of every channel's name, before the deployment's scope. It separates services that share one Redis. */
  prefix?: string;
}

async function bus(app: FastifyInstance, { redisUrl, prefix = 'chat-api:' }: BusOptions) {
  const { scope, key } = app.deployment;
  const onError = (error: Error) => app.log.warn({ err: error }, 'Redis is unreachable; events are read from the log');
  const onForgery = (channel: string, count: number) =>
    app.log.error(
      { channel, count },
      'Ignored messages with a wrong signature on this deployment’s Redis channels; somebody else publishes there',
    );
  const open = async (url: string) => {
    // Loaded only where it is used: the Redis client is a tenth of the service's code.
    const { RedisBus } = await import('../delivery/redis-bus.js');
    return RedisBus.connect({ url, prefix: `${prefix}${scope}:`, key, onError, onForgery });
  };
  const opened: Bus = redisUrl === undefined ? new InProcessBus() : await open(redisUrl);
  app.decorate('bus', opened);
  app.addHook('onClose', () => app.bus.close());
}

export default fp(bus, { name: 'bus', dependencies: ['deployment'] });
