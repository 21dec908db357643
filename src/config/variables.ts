import { isIP } from 'node:net';
import { type LimitVariables, limitSchemas } from './limits.js';

/** The environment variables after validation, with defaults filled in. */
export interface Variables extends LimitVariables {
  HOST: string;
  PORT: string;
  PUBLIC_URL?: string;
  TRUST_PROXY?: string;
  DATABASE_URL?: string;
  REDIS_URL?: string;
  DATA_DIR: string;
  NODE_ENV: 'development' | 'production' | 'test';
  LOG_LEVEL: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
  CORS_ALLOWED_ORIGINS?: string;
  ALLOW_QUERY_TOKEN?: boolean;
  WEB_CLIENT?: 'on' | 'off';
  EDIT_WINDOW: string;
  MENTION_ALL_LIMIT: string;
  ADMINS_READ_DIRECT_CHATS: 'off' | 'on';
  BOT_CREATION: 'admins' | 'users';
  CHAT_CREATION: 'admins' | 'users';
  RECEIPTS_LIMIT: string;
  OAUTH2_PROVIDER_ACCESS_TOKEN_EXPIRE_SECONDS: string;
  OAUTH2_PROVIDER_REFRESH_TOKEN_EXPIRE_SECONDS: string;
  OAUTH2_PROVIDER_REFRESH_TOKEN_ABSOLUTE_EXPIRE_SECONDS: string;
  OAUTH2_PROVIDER_REFRESH_TOKEN_GRACE_PERIOD_SECONDS: string;
  LIMIT_FAILURES_PER_ACCOUNT: string;
  LIMIT_FAILURES_PER_ADDRESS: string;
  LIMIT_FAILURES_PER_CLIENT: string;
  LIMIT_FAILURES_SECONDS: string;
  OIDC_ISSUER?: string;
  OIDC_CLIENT_ID?: string;
  OIDC_CLIENT_SECRET?: string;
  OIDC_NAME?: string;
  GITHUB_CLIENT_ID?: string;
  GITHUB_CLIENT_SECRET?: string;
  TRUSTED_ISSUERS?: string;
  ADMIN_USERNAME?: string;
  ADMIN_PASSWORD?: string;
  OAUTH_CLIENT_ID?: string;
  OAUTH_CLIENT_SECRET?: string;
  METRICS_TOKEN?: string;
  WORKERS: string;
}

/** Ten years, so that an expiry date is always valid in JavaScript, PostgreSQL and JWT libraries. */
const maxSeconds = 315_360_000;

const seconds = { type: 'string', format: 'seconds', description: `whole seconds, 1 to ${maxSeconds}` };

const failures = { type: 'string', format: 'failures', description: 'a whole number, 0 (no limit) to 999999' };

/** JSON Schema. A description completes "NAME must be …". `writeOnly` marks a secret, whose value is never shown. */
export const variableSchemas: { [name in keyof Variables]-?: VariableSchema } = {
  HOST: {
    type: 'string',
    format: 'host',
    default: '127.0.0.1',
    description: 'a host name or an IP address, without a port',
  },
  PORT: {
    type: 'string',
    format: 'port',
    default: '8000',
    description: 'a port number, 0 (any free one) to 65535',
  },
  PUBLIC_URL: {
    type: 'string',
    format: 'origin',
    description: 'an origin such as https://chat.example.com, without a path',
  },
  TRUST_PROXY: {
    type: 'string',
    format: 'proxies',
    description: 'IP addresses, networks such as 10.0.0.0/8, or loopback, linklocal, uniquelocal, separated by commas',
  },
  DATABASE_URL: {
    type: 'string',
    format: 'url',
    pattern: '^postgres(ql)?://',
    writeOnly: true,
    description: 'a URL such as postgresql://user:password@host:5432/database',
  },
  REDIS_URL: {
    type: 'string',
    pattern: '^\\s*rediss?([+](cluster|sentinel))?://',
    writeOnly: true,
    description:
      'a URL such as redis://host:6379, redis+sentinel://host:26379/mymaster or redis+cluster://host1:6379,host2:6379; rediss for TLS',
  },
  DATA_DIR: { type: 'string', default: './data', description: 'the path of a folder' },
  NODE_ENV: oneOf(['development', 'production', 'test'], 'development'),
  LOG_LEVEL: oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], 'info'),
  CORS_ALLOWED_ORIGINS: {
    type: 'string',
    format: 'origins',
    description: '* or origins such as https://chat.example.com, separated by commas',
  },
  ALLOW_QUERY_TOKEN: { type: 'boolean', description: 'true or false' },
  WEB_CLIENT: { type: 'string', enum: ['on', 'off'], description: 'one of on, off' },
  EDIT_WINDOW: {
    type: 'string',
    format: 'windowSeconds',
    default: '0',
    description: `whole seconds, 0 (no end) to ${maxSeconds}`,
  },
  MENTION_ALL_LIMIT: {
    type: 'string',
    format: 'limit',
    default: '1000',
    description: 'a whole number, 0 (no limit) to 999999999',
  },
  ADMINS_READ_DIRECT_CHATS: oneOf(['off', 'on'], 'off'),
  BOT_CREATION: oneOf(['admins', 'users'], 'admins'),
  CHAT_CREATION: oneOf(['admins', 'users'], 'admins'),
  RECEIPTS_LIMIT: {
    type: 'string',
    format: 'receiptsLimit',
    default: '1000',
    description: 'a whole number, 0 (no receipts) to 10000',
  },
  OAUTH2_PROVIDER_ACCESS_TOKEN_EXPIRE_SECONDS: { ...seconds, default: '36000' },
  OAUTH2_PROVIDER_REFRESH_TOKEN_EXPIRE_SECONDS: { ...seconds, default: '86400' },
  OAUTH2_PROVIDER_REFRESH_TOKEN_ABSOLUTE_EXPIRE_SECONDS: { ...seconds, default: '2592000' },
  OAUTH2_PROVIDER_REFRESH_TOKEN_GRACE_PERIOD_SECONDS: {
    type: 'string',
    format: 'graceSeconds',
    default: '10',
    description: 'whole seconds, 0 (never) to 300',
  },
  LIMIT_FAILURES_PER_ACCOUNT: { ...failures, default: '10' },
  LIMIT_FAILURES_PER_ADDRESS: { ...failures, default: '300' },
  LIMIT_FAILURES_PER_CLIENT: { ...failures, default: '60' },
  LIMIT_FAILURES_SECONDS: { ...seconds, default: '300' },
  // Validated by `readProviders`, together with the prefixed ones.
  OIDC_ISSUER: { type: 'string', description: 'the URL of an OpenID Connect provider' },
  OIDC_CLIENT_ID: { type: 'string', description: 'the client id that the provider gave' },
  OIDC_CLIENT_SECRET: { type: 'string', writeOnly: true, description: 'the client secret that the provider gave' },
  OIDC_NAME: { type: 'string', description: 'what people call the provider' },
  GITHUB_CLIENT_ID: { type: 'string', description: 'the client id of a GitHub OAuth app' },
  GITHUB_CLIENT_SECRET: { type: 'string', writeOnly: true, description: 'the client secret of a GitHub OAuth app' },
  // Validated by `readTrustedIssuers`.
  TRUSTED_ISSUERS: {
    type: 'string',
    description: 'issuers separated by semicolons, each a URL and words such as audience=chat',
  },
  ADMIN_USERNAME: {
    type: 'string',
    pattern: '^[\\p{L}\\p{M}\\p{N}@.+\\-_]{1,150}$',
    description: '1 to 150 letters, digits and @ . + - _',
  },
  ADMIN_PASSWORD: {
    type: 'string',
    minLength: 8,
    maxLength: 256,
    writeOnly: true,
    description: '8 to 256 characters long',
  },
  OAUTH_CLIENT_ID: {
    type: 'string',
    pattern: '^[\\x21-\\x7e]{1,100}$',
    description: '1 to 100 printable ASCII characters, no space',
  },
  OAUTH_CLIENT_SECRET: {
    type: 'string',
    pattern: '^[\\x20-\\x7e]{1,256}$',
    writeOnly: true,
    description: '1 to 256 printable ASCII characters',
  },
  METRICS_TOKEN: {
    type: 'string',
    pattern: '^[\\x21-\\x7e]{1,256}$',
    writeOnly: true,
    description: '1 to 256 printable ASCII characters, no space',
  },
  WORKERS: { type: 'string', format: 'workers', default: '1', description: 'a whole number, 1 to 64' },
  ...limitSchemas,
};

/** The formats used in the schemas. */
export const formats = {
  // Ajv's integer would accept 0x50 and Infinity.
  workers: (text: string) => isWhole(text, 1, 64),
  port: (text: string) => isWhole(text, 0, 65_535),
  seconds: (text: string) => isWhole(text, 1, maxSeconds),
  windowSeconds: (text: string) => isWhole(text, 0, maxSeconds),
  failures: (text: string) => isWhole(text, 0, 999_999),
  graceSeconds: (text: string) => isWhole(text, 0, 300),
  receiptsLimit: (text: string) => isWhole(text, 0, 10_000),
  limit: (text: string) => isWhole(text, 0, 999_999_999),
  limitSeconds: (text: string) => isWhole(text, 0, 3600),
  limitBytes: (text: string) => isWhole(text, 1024, 16 * 1024 * 1024),
  url: (text: string) => URL.canParse(text),
  host: (text: string) => isIP(text) > 0 || /^[A-Za-z0-9._-]+$/.test(text),
  origin: (text: string) => toOrigin(text) !== undefined,
  proxies: (text: string) => text.split(',').every((part) => isProxy(part.trim())),
  origins: (text: string) => text.trim() === '*' || toOrigins(text) !== undefined,
};

function isProxy(text: string): boolean {
  if (['loopback', 'linklocal', 'uniquelocal'].includes(text)) return true;
  const [address = '', bits, ...more] = text.split('/');
  const version = isIP(address);
  if (version === 0 || more.length > 0) return false;
  return bits === undefined || isWhole(bits, 0, version === 4 ? 32 : 128);
}

function isWhole(text: string, min: number, max: number): boolean {
  return /^\d{1,9}$/.test(text) && Number(text) >= min && Number(text) <= max;
}

/** Parses a comma-separated list of origins into the form that browsers send; undefined when one is not an origin. */
export function toOrigins(list: string): string[] | undefined {
  const parts = list.split(',').map((part) => part.trim());
  const origins = parts.filter((part) => part !== '').map(toOrigin);
  return origins.every((origin) => origin !== undefined) ? origins : undefined;
}

export function toOrigin(text: string): string | undefined {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  return url.href === `${url.origin}/` ? url.origin : undefined;
}

interface VariableSchema {
  type: string;
  description: string;
  writeOnly?: boolean;
  [keyword: string]: unknown;
}

function oneOf(values: string[], fallback: string): VariableSchema {
  return { type: 'string', enum: values, default: fallback, description: `one of ${values.join(', ')}` };
}
