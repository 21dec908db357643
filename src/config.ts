import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { envSchema } from 'env-schema';
import { type Limits, toLimits } from './config-limits.js';
import { type ExternalProviderConfig, readProviders } from './config-providers.js';
import { formats, toOrigin, toOrigins, type Variables, variableSchemas } from './config-variables.js';
import type { AttemptLimits } from './domain/attempts.js';

/** What the process was told to be. Read once, at its start; values travel down from here as arguments. */
export interface Config {
  readonly environment: Variables['NODE_ENV'];
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** The origin that clients know the service by; the one that each of them used when there is none. */
  readonly publicUrl?: string | undefined;
  /** Proxies whose X-Forwarded-* headers are believed: addresses and networks, separated by commas. */
  readonly trustProxy?: string | undefined;
  /** The embedded database in `dataDir` when there is none. */
  readonly databaseUrl?: string | undefined;
  /** The in-process bus when there is none. */
  readonly redisUrl?: string | undefined;
  /** An absolute path. */
  readonly dataDir: string;
  readonly logLevel: Variables['LOG_LEVEL'];
  /** Origins as browsers send them: `https://chat.example.com`. */
  readonly corsAllowedOrigins: readonly string[] | '*';
  /** Whether `?token=` opens a raw channel. */
  readonly allowQueryToken: boolean;
  readonly accessTokenSeconds: number;
  readonly refreshTokenSeconds: number;
  /** The longest that a sign-in lives on refreshing alone. */
  readonly refreshTokenAbsoluteSeconds: number;
  /** How long a lost answer to a refresh may be asked for again. */
  readonly refreshGraceSeconds: number;
  /** How many wrong passwords and secrets are free; `Infinity` where a limit is switched off. */
  readonly attemptLimits: AttemptLimits;
  /** Where people may sign in beside our own page. */
  readonly externalProviders: readonly ExternalProviderConfig[];
  /** The first admin of an empty database. */
  readonly admin: { readonly username?: string | undefined; readonly password?: string | undefined };
  /** The first-party client of an empty database. */
  readonly client: { readonly id?: string | undefined; readonly secret?: string | undefined };
  readonly limits: Limits;
}

/** Says everything that is wrong with the environment at once, without any secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  /** One sentence each, which names its variable and says what is allowed. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

/**
 * Reads the environment and, below it, the file `.env` of the folder `cwd` when there is one. An empty variable counts as
 * not set.
 *
 * @throws ConfigError with every mistake
 */
export function loadConfig(env: NodeJS.ProcessEnv = process.env, cwd: string = process.cwd()): Config {
  const given = { ...withoutEmpty(readDotEnv(cwd)), ...withoutEmpty(env) };
  const problems: string[] = [];
  const variables = validate(given, problems);
  const externalProviders = readProviders(given, problems);
  if (given.NODE_ENV === 'production') problems.push(...halfPairs(given));
  if (!variables || problems.length > 0) throw new ConfigError(problems);

  const environment = variables.NODE_ENV;
  const { CORS_ALLOWED_ORIGINS: origins = '' } = variables;
  return Object.freeze({
    environment,
    host: variables.HOST,
    port: Number(variables.PORT),
    publicUrl: variables.PUBLIC_URL && toOrigin(variables.PUBLIC_URL),
    trustProxy: variables.TRUST_PROXY,
    databaseUrl: variables.DATABASE_URL,
    redisUrl: variables.REDIS_URL,
    dataDir: resolve(cwd, variables.DATA_DIR),
    logLevel: variables.LOG_LEVEL,
    corsAllowedOrigins: origins.trim() === '*' ? '*' : Object.freeze(toOrigins(origins) ?? []),
    allowQueryToken: variables.ALLOW_QUERY_TOKEN ?? environment !== 'production',
    accessTokenSeconds: Number(variables.OAUTH2_PROVIDER_ACCESS_TOKEN_EXPIRE_SECONDS),
    refreshTokenSeconds: Number(variables.OAUTH2_PROVIDER_REFRESH_TOKEN_EXPIRE_SECONDS),
    refreshTokenAbsoluteSeconds: Number(variables.OAUTH2_PROVIDER_REFRESH_TOKEN_ABSOLUTE_EXPIRE_SECONDS),
    refreshGraceSeconds: Number(variables.OAUTH2_PROVIDER_REFRESH_TOKEN_GRACE_PERIOD_SECONDS),
    attemptLimits: Object.freeze({
      perAccount: Number(variables.LIMIT_FAILURES_PER_ACCOUNT) || Infinity,
      perAddress: Number(variables.LIMIT_FAILURES_PER_ADDRESS) || Infinity,
      perClient: Number(variables.LIMIT_FAILURES_PER_CLIENT) || Infinity,
      longestBlockSeconds: Number(variables.LIMIT_FAILURES_SECONDS),
    }),
    externalProviders: Object.freeze(externalProviders),
    admin: Object.freeze({ username: variables.ADMIN_USERNAME, password: variables.ADMIN_PASSWORD }),
    client: Object.freeze({ id: variables.OAUTH_CLIENT_ID, secret: variables.OAUTH_CLIENT_SECRET }),
    limits: toLimits(variables),
  });
}

function readDotEnv(cwd: string): NodeJS.Dict<string> {
  const path = join(cwd, '.env');
  return existsSync(path) ? parseEnv(readFileSync(path, 'utf8')) : {};
}

function withoutEmpty(variables: NodeJS.Dict<string>): NodeJS.Dict<string> {
  return Object.fromEntries(Object.entries(variables).filter(([, value]) => value?.trim()));
}

function validate(given: NodeJS.Dict<string>, problems: string[]): Variables | undefined {
  try {
    return envSchema<Variables>({
      schema: { type: 'object', properties: variableSchemas },
      data: { ...given },
      env: false,
      ajv: {
        customOptions: (ajv) => Object.entries(formats).reduce((all, [name, test]) => all.addFormat(name, test), ajv),
      },
    });
  } catch (error) {
    const wrong = wrongVariables(error);
    for (const [name, schema] of Object.entries(variableSchemas)) {
      if (!wrong.has(name)) continue;
      problems.push(`${name} must be ${schema.description}${schema.writeOnly ? '' : `, not "${given[name]}"`}.`);
    }
    return undefined;
  }
}

/** The names in Ajv's errors, which are one per broken rule. */
function wrongVariables(error: unknown): Set<string> {
  if (!(error instanceof Error && 'errors' in error && Array.isArray(error.errors))) throw error;
  return new Set(error.errors.map(({ instancePath }: { instancePath: string }) => instancePath.slice(1)));
}

/** Outside production the missing half is generated and printed; in production nothing is printed. */
function halfPairs(given: NodeJS.Dict<string>): string[] {
  const needs = {
    ADMIN_USERNAME: 'ADMIN_PASSWORD',
    OAUTH_CLIENT_ID: 'OAUTH_CLIENT_SECRET',
    OAUTH_CLIENT_SECRET: 'OAUTH_CLIENT_ID',
  };
  return Object.entries(needs).flatMap(([name, other]) =>
    given[name] !== undefined && given[other] === undefined
      ? [`${name} needs ${other} beside it in production, which is not set.`]
      : [],
  );
}
