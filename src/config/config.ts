import { resolve } from 'node:path';
import { envSchema } from 'env-schema';
import { readRedisUrl } from '../delivery/redis/target.js';
import type { TrustedIssuer } from '../domain/access/issuers/trusted-issuer.js';
import type { AttemptLimits } from '../domain/credentials/attempts.js';
import { readDotEnv } from './env-file.js';
import { type Limits, toLimits } from './limits.js';
import { misspeltNames } from './misspelt-names.js';
import { type ExternalProviderConfig, readProviders } from './providers.js';
import { secretFileNames, withSecretFiles } from './secret-files.js';
import { secretValues, shownSettings } from './shown-settings.js';
import { readTrustedIssuers } from './trusted-issuers.js';
import { databaseUrlProblems } from './urls.js';
import { formats, toOrigin, toOrigins, type Variables, variableSchemas } from './variables.js';

/** The validated configuration of the process. Read once, at its start, and passed down as arguments. */
export interface Config {
  readonly environment: Variables['NODE_ENV'];
  readonly host: string;
  /** 0 means any free port. */
  readonly port: number;
  /** The service's public origin. Without it, the origin of each request. */
  readonly publicUrl?: string | undefined;
  /** Proxies whose X-Forwarded-* headers are trusted: addresses and networks, separated by commas. */
  readonly trustProxy?: string | undefined;
  /** PostgreSQL. Without it, the embedded database in `dataDir`. */
  readonly databaseUrl?: string | undefined;
  /** One Redis, a cluster or a master behind sentinels (`delivery/redis/target.ts`). Without it, the in-process bus. */
  readonly redisUrl?: string | undefined;
  /** An absolute path. */
  readonly dataDir: string;
  readonly logLevel: Variables['LOG_LEVEL'];
  /** Origins as browsers send them: `https://chat.example.com`. */
  readonly corsAllowedOrigins: readonly string[] | '*';
  /** Whether the raw channel accepts a token in `?token=`. */
  readonly allowQueryToken: boolean;
  /** Whether the web client is served at `/`. */
  readonly webClient: boolean;
  /** How long after it was sent a message can be edited. Infinity: for ever. */
  readonly editWindowSeconds: number;
  readonly accessTokenSeconds: number;
  /** A refresh token expires when it is unused for so long. */
  readonly refreshTokenSeconds: number;
  /** A sign-in ends after so long, however often it is refreshed. */
  readonly refreshTokenAbsoluteSeconds: number;
  /** How long a used refresh token may be used again, by a client that lost the response. */
  readonly refreshGraceSeconds: number;
  /** Failed attempts before delays begin; `Infinity` where a limit is switched off. */
  readonly attemptLimits: AttemptLimits;
  /** In chats with more members, mentioning everybody takes an owner; `Infinity` where it never does. */
  readonly mentionAllLimit: number;
  /** Whether admins read direct chats that they are no member of. */
  readonly adminsReadDirectChats: boolean;
  /** Who makes bots: admins alone, or everybody for themselves. */
  readonly botCreation: 'admins' | 'users';
  /** Who makes group chats. */
  readonly chatCreation: 'admins' | 'users';
  /** The most members of a chat in which they are told what others have read. */
  readonly receiptsLimit: number;
  /** External identity providers. */
  readonly externalProviders: readonly ExternalProviderConfig[];
  /** Identity providers whose access tokens are bearer tokens here. */
  readonly trustedIssuers: readonly TrustedIssuer[];
  /** The first admin of an empty database. */
  readonly admin: { readonly username?: string | undefined; readonly password?: string | undefined };
  /** The first-party client of an empty database. */
  readonly client: { readonly id?: string | undefined; readonly secret?: string | undefined };
  /** Processes on one port. More than one need PostgreSQL and Redis. */
  readonly workers: number;
  /** With it the metrics may be read from other machines. */
  readonly metricsToken?: string | undefined;
  readonly limits: Limits;
}

/** Lists every mistake in the configuration at once. Contains no secrets. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  /** One sentence per mistake; it names the variable and what is allowed. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

/**
 * Reads the environment and the file `.env` in the folder `cwd`, if there is one; the environment wins. Empty variables count
 * as not set.
 *
 * @throws ConfigError with every mistake
 */
export function loadConfig(env: NodeJS.ProcessEnv = process.env, cwd: string = process.cwd()): Config {
  const problems: string[] = [];
  const inFile = readDotEnv(cwd, problems);
  const given = withSecretFiles({ ...withoutEmpty(inFile), ...withoutEmpty(env) }, problems);
  problems.push(...misspeltNames(inFile, withoutEmpty(env), [...Object.keys(variableSchemas), ...secretFileNames]));
  const variables = validate(given, problems);
  const externalProviders = readProviders(given, problems);
  const trustedIssuers = readTrustedIssuers(given, problems);
  if (variables?.DATABASE_URL) problems.push(...databaseUrlProblems(variables.DATABASE_URL));
  if (variables?.REDIS_URL) problems.push(...(readRedisUrl(variables.REDIS_URL).problems ?? []));
  if (Number(variables?.WORKERS ?? 1) > 1) problems.push(...missingForWorkers(given));
  if (given.NODE_ENV === 'production') {
    problems.push(...incompletePairs(given));
    if (externalProviders.length > 0 && given.PUBLIC_URL === undefined)
      problems.push('PUBLIC_URL is needed in production for signing in elsewhere: people are sent back to it.');
  }
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
    webClient: variables.WEB_CLIENT === undefined ? environment !== 'production' : variables.WEB_CLIENT === 'on',
    editWindowSeconds: Number(variables.EDIT_WINDOW) || Infinity,
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
    mentionAllLimit: Number(variables.MENTION_ALL_LIMIT) || Infinity,
    chatCreation: variables.CHAT_CREATION,
    adminsReadDirectChats: variables.ADMINS_READ_DIRECT_CHATS === 'on',
    botCreation: variables.BOT_CREATION,
    receiptsLimit: Number(variables.RECEIPTS_LIMIT),
    externalProviders: Object.freeze(externalProviders),
    trustedIssuers: Object.freeze(trustedIssuers),
    admin: Object.freeze({ username: variables.ADMIN_USERNAME, password: variables.ADMIN_PASSWORD }),
    client: Object.freeze({ id: variables.OAUTH_CLIENT_ID, secret: variables.OAUTH_CLIENT_SECRET }),
    workers: Number(variables.WORKERS),
    metricsToken: variables.METRICS_TOKEN,
    limits: toLimits(variables),
  });
}

/** The settings, wrong ones too, for people who help an operator. */
export interface ShownConfig {
  /** NAME=value, without the values of secrets. */
  lines: string[];
  /** Those values, which must not be shown elsewhere either. */
  secrets: string[];
}

export function shownConfig(env: NodeJS.ProcessEnv = process.env, cwd: string = process.cwd()): ShownConfig {
  const given = withSecretFiles({ ...withoutEmpty(readDotEnv(cwd, [])), ...withoutEmpty(env) }, []);
  return { lines: shownSettings(given), secrets: secretValues(given) };
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

/** The names of the variables in Ajv's errors. */
function wrongVariables(error: unknown): Set<string> {
  if (!(error instanceof Error && 'errors' in error && Array.isArray(error.errors))) throw error;
  return new Set(error.errors.map(({ instancePath }: { instancePath: string }) => instancePath.slice(1)));
}

/** Several processes share a database server and a bus: the embedded database and the in-process bus are for one. */
function missingForWorkers(given: NodeJS.Dict<string>): string[] {
  const needs = {
    DATABASE_URL: 'the embedded database is for one process',
    REDIS_URL: 'workers tell each other of messages over Redis',
  };
  return Object.entries(needs).flatMap(([name, reason]) =>
    given[name] === undefined ? [`WORKERS above 1 needs ${name}, which is not set: ${reason}.`] : [],
  );
}

/** Credentials of which only one half is set. In production the missing half is not generated, since nothing is printed. */
function incompletePairs(given: NodeJS.Dict<string>): string[] {
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
