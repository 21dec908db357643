import { randomUUID } from 'node:crypto';

/** The Redis of this run (`TEST_REDIS_URL`), or nothing, and then tests use the in-process bus. */
export function testRedisUrl(): string | undefined {
  return process.env.TEST_REDIS_URL || undefined;
}

/** A prefix for keys and channels that no other test file has. */
export function testRedisPrefix(): string {
  return `test:${randomUUID()}:`;
}
