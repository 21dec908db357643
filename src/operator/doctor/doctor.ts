import { ConfigError, loadConfig } from '../../config/config.js';
import { lookAtDatabase } from './database.js';
import { type Finding, problem } from './finding.js';
import { lookAtMachine } from './machine.js';

/** All that the service checks at its start and what it relies on, in the order in which to repair it. */
export async function* examine(): AsyncGenerator<Finding> {
  let config: ReturnType<typeof loadConfig>;
  try {
    config = loadConfig();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const sentence of error.problems) yield problem(sentence);
    return;
  }
  yield* await lookAtMachine(config);
  yield* await settled(lookAtDatabase(config));
  // Loaded only where it is used: the Redis client is a tenth of the service's code.
  const { lookAtRedis } = await import('./redis.js');
  yield* await lookAtRedis(config.redisUrl, config.databaseUrl !== undefined);
}

/** A look that fails is a finding too. */
async function settled(look: Promise<Finding[]>): Promise<Finding[]> {
  return look.catch((error: unknown) => [problem(error instanceof Error ? error.message : String(error))]);
}
