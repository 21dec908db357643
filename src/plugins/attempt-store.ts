import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import type { AttemptStore } from '../domain/credentials/attempts.js';
import { MemoryAttemptStore } from '../domain/credentials/memory-attempt-store.js';

declare module 'fastify' {
  interface FastifyInstance {
    attemptStore: AttemptStore;
  }
}

export interface AttemptStoreOptions {
  /** Without it each process counts for itself, in memory. */
  redisUrl: string | undefined;
  /** First part of every key, before the deployment's scope. It separates services that share one Redis. */
  prefix?: string;
}

async function attemptStore(app: FastifyInstance, { redisUrl, prefix = 'chat-api:' }: AttemptStoreOptions) {
  if (redisUrl === undefined) {
    app.decorate('attemptStore', new MemoryAttemptStore());
    return;
  }
  // Loaded only where it is used, like the bus.
  const { RedisAttemptStore } = await import('./redis-attempt-store.js');
  const store = new RedisAttemptStore(redisUrl, `${prefix}${app.deployment.scope}:`, (error) =>
    app.log.warn({ err: error }, 'Redis is unreachable; failed sign-ins are counted per process'),
  );
  app.decorate('attemptStore', store);
  app.addHook('onClose', () => store.close());
}

export default fp(attemptStore, { name: 'attempt-store', dependencies: ['deployment'] });
