/** What every target is started with. */
export interface TargetEnvironment {
  port: number;
  databaseUrl: string;
  redisUrl: string;
}

export function readEnvironment(): TargetEnvironment {
  const { PORT, DATABASE_URL = '', REDIS_URL = '' } = process.env;
  return { port: Number(PORT), databaseUrl: DATABASE_URL, redisUrl: REDIS_URL };
}
