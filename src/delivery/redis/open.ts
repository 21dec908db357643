import { ClusterCommands } from './cluster-commands.js';
import { ClusterPubSub } from './cluster-pub-sub.js';
import { OneServerCommands, OneServerPubSub } from './one-server.js';
import type { RedisCommands, RedisPubSub, RedisPubSubOptions } from './pub-sub.js';
import type { RedisTarget } from './target.js';

/** Commands to whatever REDIS_URL names. */
export function openCommands(target: RedisTarget, onError: (error: Error) => void): RedisCommands {
  if (target.form === 'cluster') return new ClusterCommands(target, { onError });
  return new OneServerCommands(target, onError);
}

/** Pub/Sub over whatever REDIS_URL names. */
export function openPubSub(target: RedisTarget, options: RedisPubSubOptions): RedisPubSub {
  if (target.form === 'cluster') return new ClusterPubSub(target, options);
  return new OneServerPubSub(target, options);
}
