import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError, loadConfig } from '../../src/config/config.js';
import { variableSchemas } from '../../src/config/variables.js';

describe('configuration', () => {
  let cwd: string;
  beforeEach(() => {
    cwd = mkdtempSync(join(tmpdir(), 'config-'));
  });
  afterEach(() => rmSync(cwd, { recursive: true }));

  it('needs nothing: an embedded database on this machine only, in development', () => {
    expect(loadConfig({}, cwd)).toEqual({
      environment: 'development',
      host: '127.0.0.1',
      port: 8000,
      publicUrl: undefined,
      trustProxy: undefined,
      databaseUrl: undefined,
      redisUrl: undefined,
      dataDir: join(cwd, 'data'),
      logLevel: 'info',
      corsAllowedOrigins: [],
      allowQueryToken: true,
      webClient: true,
      editWindowSeconds: Infinity,
      mentionAllLimit: 1000,
      adminsReadDirectChats: false,
      botCreation: 'admins',
      chatCreation: 'admins',
      receiptsLimit: 1000,
      accessTokenSeconds: 36_000,
      refreshTokenSeconds: 86_400,
      refreshTokenAbsoluteSeconds: 2_592_000,
      refreshGraceSeconds: 10,
      attemptLimits: { perAccount: 10, perAddress: 300, perClient: 60, longestBlockSeconds: 300 },
      externalProviders: [],
      trustedIssuers: [],
      workers: 1,
      metricsToken: undefined,
      admin: { username: undefined, password: undefined },
      client: { id: undefined, secret: undefined },
      limits: {
        requestsPerAddress: 10_000,
        requestsPerUser: 10_000,
        requestsAtOnce: 2000,
        eventLoopDelayMs: 500,
        headersMs: 10_000,
        requestMs: 30_000,
        operationMs: 10_000,
        bodyBytes: 262_144,
        socketsPerAddress: 20_000,
        socketsPerUser: 1000,
        framesPerSocket: 100,
        framesPerUser: 10_000,
        frameBytes: 65_536,
        operationsPerSocket: 200,
        largeOperationsPerUser: 4,
        subscriptionFieldsPerUser: 10_000,
        botSendsPerSecond: 50,
      },
    });
  });

  it('reads every variable', () => {
    const config = loadConfig(
      {
        HOST: '0.0.0.0',
        PORT: '9000',
        PUBLIC_URL: 'https://chat.example/',
        TRUST_PROXY: 'loopback, 10.0.0.0/8,::1',
        DATABASE_URL: 'postgresql://chat:secret@db/chat',
        REDIS_URL: 'redis://cache:6379',
        DATA_DIR: '/var/lib/chat',
        NODE_ENV: 'production',
        LOG_LEVEL: 'warn',
        CORS_ALLOWED_ORIGINS: 'https://a.example, http://localhost:3000/',
        ALLOW_QUERY_TOKEN: 'true',
        WEB_CLIENT: 'on',
        EDIT_WINDOW: '900',
        MENTION_ALL_LIMIT: '0',
        ADMINS_READ_DIRECT_CHATS: 'on',
        BOT_CREATION: 'users',
        CHAT_CREATION: 'users',
        RECEIPTS_LIMIT: '0',
        OAUTH2_PROVIDER_ACCESS_TOKEN_EXPIRE_SECONDS: '60',
        OAUTH2_PROVIDER_REFRESH_TOKEN_EXPIRE_SECONDS: '120',
        OAUTH2_PROVIDER_REFRESH_TOKEN_ABSOLUTE_EXPIRE_SECONDS: '3600',
        OAUTH2_PROVIDER_REFRESH_TOKEN_GRACE_PERIOD_SECONDS: '0',
        LIMIT_FAILURES_PER_ACCOUNT: '5',
        LIMIT_FAILURES_PER_ADDRESS: '0',
        LIMIT_FAILURES_PER_CLIENT: '7',
        LIMIT_FAILURES_SECONDS: '60',
        OIDC_ISSUER: 'https://login.example',
        OIDC_CLIENT_ID: 'chat',
        OIDC_CLIENT_SECRET: 'secret1',
        OIDC_GOOGLE_ISSUER: 'https://accounts.google.com',
        OIDC_GOOGLE_CLIENT_ID: 'chat2',
        OIDC_GOOGLE_CLIENT_SECRET: 'secret2',
        OIDC_GOOGLE_NAME: 'Google',
        GITHUB_CLIENT_ID: 'chat3',
        GITHUB_CLIENT_SECRET: 'secret3',
        TRUSTED_ISSUERS: 'https://id.example audience=chat create=on',
        METRICS_TOKEN: 'scrape',
        WORKERS: '4',
        ADMIN_USERNAME: 'ann',
        ADMIN_PASSWORD: 'correct horse',
        OAUTH_CLIENT_ID: 'web',
        OAUTH_CLIENT_SECRET: 'battery staple',
        LIMIT_REQUESTS_PER_ADDRESS: '1',
        LIMIT_REQUESTS_PER_USER: '2',
        LIMIT_REQUESTS_AT_ONCE: '3',
        LIMIT_EVENT_LOOP_DELAY_MS: '4',
        LIMIT_HEADERS_SECONDS: '5',
        LIMIT_REQUEST_SECONDS: '6',
        LIMIT_OPERATION_SECONDS: '7',
        LIMIT_BODY_BYTES: '1024',
        LIMIT_SOCKETS_PER_ADDRESS: '9',
        LIMIT_SOCKETS_PER_USER: '10',
        LIMIT_FRAMES_PER_SOCKET: '11',
        LIMIT_FRAMES_PER_USER: '0',
        LIMIT_FRAME_BYTES: '2048',
        LIMIT_OPERATIONS_PER_SOCKET: '13',
        LIMIT_LARGE_OPERATIONS_PER_USER: '14',
        LIMIT_SUBSCRIPTION_FIELDS_PER_USER: '15',
        LIMIT_BOT_SENDS: '16',
      },
      cwd,
    );
    expect(config).toEqual({
      environment: 'production',
      host: '0.0.0.0',
      port: 9000,
      publicUrl: 'https://chat.example',
      trustProxy: 'loopback, 10.0.0.0/8,::1',
      databaseUrl: 'postgresql://chat:secret@db/chat',
      redisUrl: 'redis://cache:6379',
      dataDir: '/var/lib/chat',
      logLevel: 'warn',
      corsAllowedOrigins: ['https://a.example', 'http://localhost:3000'],
      allowQueryToken: true,
      webClient: true,
      editWindowSeconds: 900,
      mentionAllLimit: Infinity,
      adminsReadDirectChats: true,
      botCreation: 'users',
      chatCreation: 'users',
      receiptsLimit: 0,
      accessTokenSeconds: 60,
      refreshTokenSeconds: 120,
      refreshTokenAbsoluteSeconds: 3600,
      refreshGraceSeconds: 0,
      attemptLimits: { perAccount: 5, perAddress: Infinity, perClient: 7, longestBlockSeconds: 60 },
      externalProviders: [
        {
          kind: 'oidc',
          key: 'oidc',
          label: 'login.example',
          issuer: 'https://login.example',
          clientId: 'chat',
          clientSecret: 'secret1',
        },
        {
          kind: 'oidc',
          key: 'google',
          label: 'Google',
          issuer: 'https://accounts.google.com',
          clientId: 'chat2',
          clientSecret: 'secret2',
        },
        { kind: 'github', clientId: 'chat3', clientSecret: 'secret3' },
      ],
      workers: 4,
      metricsToken: 'scrape',
      trustedIssuers: [
        {
          issuer: 'https://id.example',
          audiences: ['chat'],
          nameClaim: 'preferred_username',
          createsUsers: true,
          syncsNames: false,
          defaultScopes: [],
        },
      ],
      admin: { username: 'ann', password: 'correct horse' },
      client: { id: 'web', secret: 'battery staple' },
      limits: {
        requestsPerAddress: 1,
        requestsPerUser: 2,
        requestsAtOnce: 3,
        eventLoopDelayMs: 4,
        headersMs: 5000,
        requestMs: 6000,
        operationMs: 7000,
        bodyBytes: 1024,
        socketsPerAddress: 9,
        socketsPerUser: 10,
        framesPerSocket: 11,
        framesPerUser: Number.POSITIVE_INFINITY,
        frameBytes: 2048,
        operationsPerSocket: 13,
        largeOperationsPerUser: 14,
        subscriptionFieldsPerUser: 15,
        botSendsPerSecond: 16,
      },
    });
  });

  it('reads .env below the environment, and takes an empty variable for one that is not set', () => {
    writeFileSync(join(cwd, '.env'), 'PORT=9001\nHOST=::1\nLOG_LEVEL=\nREDIS_URL=redis://from-file\n');
    const config = loadConfig({ HOST: 'localhost', PORT: '', DATABASE_URL: '' }, cwd);
    expect(config).toMatchObject({ port: 9001, host: 'localhost', logLevel: 'info', redisUrl: 'redis://from-file' });
    expect(config.databaseUrl).toBeUndefined();
  });

  it('accepts tokens in a query string by default everywhere but in production', () => {
    expect(loadConfig({ NODE_ENV: 'production' }, cwd).allowQueryToken).toBe(false);
    expect(loadConfig({ NODE_ENV: 'test' }, cwd).allowQueryToken).toBe(true);
    expect(loadConfig({ ALLOW_QUERY_TOKEN: 'false' }, cwd).allowQueryToken).toBe(false);
  });

  it('serves the web client, in production only if it is told to', () => {
    expect(loadConfig({ NODE_ENV: 'production' }, cwd).webClient).toBe(false);
    expect(loadConfig({ NODE_ENV: 'test' }, cwd).webClient).toBe(true);
    expect(loadConfig({ WEB_CLIENT: 'off' }, cwd).webClient).toBe(false);
  });

  it('takes * for every origin', () => {
    expect(loadConfig({ CORS_ALLOWED_ORIGINS: '*' }, cwd).corsAllowedOrigins).toBe('*');
  });

  it('says what an external provider lacks', () => {
    expect(
      problemsOf({
        OIDC_NAME: 'Work',
        OIDC_X_ISSUER: 'http://login.example',
        OIDC_X_CLIENT_ID: 'a',
        OIDC_X_CLIENT_SECRET: 'b',
        OIDC_GITHUB_ISSUER: 'https://login.example',
        OIDC_GITHUB_CLIENT_ID: 'a',
        OIDC_GITHUB_CLIENT_SECRET: 'b',
        GITHUB_CLIENT_ID: 'a',
        GITHUB_CLIENT_SECRET: 'b',
      }),
    ).toEqual([
      'OIDC_ISSUER must be set beside the other variables of OIDC.',
      'OIDC_CLIENT_ID must be set beside the other variables of OIDC.',
      'OIDC_CLIENT_SECRET must be set beside the other variables of OIDC.',
      'OIDC_X_ISSUER must be an https URL without query and fragment, not "http://login.example".',
      'OIDC_GITHUB_ISSUER needs another name: "github" is taken.',
    ]);
  });

  it('cannot be changed', () => {
    const config = loadConfig({}, cwd);
    for (const part of [config, config.admin, config.client, config.corsAllowedOrigins, config.limits]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });

  it('names every wrong value at once in plain sentences', () => {
    const wrong = {
      HOST: 'localhost:8000',
      PORT: 'eighty',
      PUBLIC_URL: 'https://chat.example/path',
      TRUST_PROXY: '10.0.0.0/33',
      DATABASE_URL: 'mysql://root:hunter22@db/chat',
      REDIS_URL: 'cache:hunter22',
      NODE_ENV: 'prod',
      LOG_LEVEL: 'loud',
      CORS_ALLOWED_ORIGINS: 'chat.example.com',
      ALLOW_QUERY_TOKEN: 'maybe',
      WEB_CLIENT: 'maybe',
      EDIT_WINDOW: '1h',
      OAUTH2_PROVIDER_ACCESS_TOKEN_EXPIRE_SECONDS: '-5',
      OAUTH2_PROVIDER_REFRESH_TOKEN_EXPIRE_SECONDS: '1.5',
      OAUTH2_PROVIDER_REFRESH_TOKEN_ABSOLUTE_EXPIRE_SECONDS: '0',
      OAUTH2_PROVIDER_REFRESH_TOKEN_GRACE_PERIOD_SECONDS: '301',
      ADMIN_USERNAME: 'ann smith',
      ADMIN_PASSWORD: 'hunter2',
      OAUTH_CLIENT_ID: 'a b',
      OAUTH_CLIENT_SECRET: 'hunter22\u00e9',
      LIMIT_REQUESTS_PER_USER: '-1',
      LIMIT_HEADERS_SECONDS: '3601',
      LIMIT_BODY_BYTES: '0',
    };
    expect(problemsOf(wrong)).toEqual([
      'HOST must be a host name or an IP address, without a port, not "localhost:8000".',
      'PORT must be a port number, 0 (any free one) to 65535, not "eighty".',
      'PUBLIC_URL must be an origin such as https://chat.example.com, without a path, not "https://chat.example/path".',
      'TRUST_PROXY must be IP addresses, networks such as 10.0.0.0/8, or loopback, linklocal, uniquelocal, separated by commas, not "10.0.0.0/33".',
      'DATABASE_URL must be a URL such as postgresql://user:password@host:5432/database.',
      'REDIS_URL must be a URL such as redis://host:6379, redis+sentinel://host:26379/mymaster or redis+cluster://host1:6379,host2:6379; rediss for TLS.',
      'NODE_ENV must be one of development, production, test, not "prod".',
      'LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent, not "loud".',
      'CORS_ALLOWED_ORIGINS must be * or origins such as https://chat.example.com, separated by commas, not "chat.example.com".',
      'ALLOW_QUERY_TOKEN must be true or false, not "maybe".',
      'WEB_CLIENT must be one of on, off, not "maybe".',
      'EDIT_WINDOW must be whole seconds, 0 (no end) to 315360000, not "1h".',
      'OAUTH2_PROVIDER_ACCESS_TOKEN_EXPIRE_SECONDS must be whole seconds, 1 to 315360000, not "-5".',
      'OAUTH2_PROVIDER_REFRESH_TOKEN_EXPIRE_SECONDS must be whole seconds, 1 to 315360000, not "1.5".',
      'OAUTH2_PROVIDER_REFRESH_TOKEN_ABSOLUTE_EXPIRE_SECONDS must be whole seconds, 1 to 315360000, not "0".',
      'OAUTH2_PROVIDER_REFRESH_TOKEN_GRACE_PERIOD_SECONDS must be whole seconds, 0 (never) to 300, not "301".',
      'ADMIN_USERNAME must be 1 to 150 letters, digits and @ . + - _, not "ann smith".',
      'ADMIN_PASSWORD must be 8 to 256 characters long.',
      'OAUTH_CLIENT_ID must be 1 to 100 printable ASCII characters, no space, not "a b".',
      'OAUTH_CLIENT_SECRET must be 1 to 256 printable ASCII characters.',
      'LIMIT_REQUESTS_PER_USER must be a whole number, 0 (no limit) to 999999999, not "-1".',
      'LIMIT_HEADERS_SECONDS must be whole seconds, 0 (no limit) to 3600, not "3601".',
      'LIMIT_BODY_BYTES must be a number of bytes, 1024 to 16777216, not "0".',
    ]);
    expect(problemsOf(wrong).join()).not.toContain('hunter2');
  });

  it.each([
    'http://a.example/path',
    'https://a.example, *',
    'ftp://a.example',
    'https://user@a.example',
    '*.example.com',
  ])('takes %j for no list of origins', (origins) => {
    expect(problemsOf({ CORS_ALLOWED_ORIGINS: origins })).toHaveLength(1);
  });

  it.each(['0x50', '65536', '-1', '8000.5', '1e3', 'Infinity'])('takes %j for no port', (port) => {
    expect(problemsOf({ PORT: port })).toHaveLength(1);
  });

  it('wants the public address in production where people may sign in elsewhere', () => {
    const github = { GITHUB_CLIENT_ID: 'chat', GITHUB_CLIENT_SECRET: 'secret' };
    expect(problemsOf({ NODE_ENV: 'production', ...github })).toEqual([
      'PUBLIC_URL is needed in production for signing in elsewhere: people are sent back to it.',
    ]);
    expect(problemsOf({ NODE_ENV: 'production', PUBLIC_URL: 'https://chat.example', ...github })).toEqual([]);
    expect(problemsOf(github)).toEqual([]);
  });

  it('wants both halves of the first credentials in production, where none are printed', () => {
    expect(problemsOf({ NODE_ENV: 'production', ADMIN_USERNAME: 'ann', OAUTH_CLIENT_SECRET: 'secret' })).toEqual([
      'ADMIN_USERNAME needs ADMIN_PASSWORD beside it in production, which is not set.',
      'OAUTH_CLIENT_SECRET needs OAUTH_CLIENT_ID beside it in production, which is not set.',
    ]);
    expect(problemsOf({ NODE_ENV: 'production', ADMIN_PASSWORD: 'correct horse' })).toEqual([]);
    expect(loadConfig({ ADMIN_USERNAME: 'ann' }, cwd).admin.username).toBe('ann');
  });

  it('has every variable in .env.example, and its values are valid', () => {
    const example = parseEnv(readFileSync(new URL('../../.env.example', import.meta.url), 'utf8'));
    expect(Object.keys(example).sort()).toEqual(Object.keys(variableSchemas).sort());
    expect(loadConfig(example, cwd)).toEqual(loadConfig({}, cwd));
  });

  function problemsOf(env: NodeJS.ProcessEnv): readonly string[] {
    try {
      loadConfig(env, cwd);
    } catch (error) {
      if (error instanceof ConfigError) return error.problems;
      throw error;
    }
    return [];
  }

  describe('the file .env', () => {
    const write = (content: string | Buffer) => writeFileSync(join(cwd, '.env'), content);
    const problems = (env: NodeJS.ProcessEnv = {}): readonly string[] => {
      try {
        loadConfig(env, cwd);
        return [];
      } catch (error) {
        if (error instanceof ConfigError) return error.problems;
        throw error;
      }
    };

    it('is read from its first byte on, a byte order mark aside', () => {
      write('\ufeffDATABASE_URL=postgresql://chat@db/chat\r\nPORT=9000\r\n');
      expect(loadConfig({}, cwd)).toMatchObject({ databaseUrl: 'postgresql://chat@db/chat', port: 9000 });
    });

    it('stops the start with a sentence for each line that assigns nothing, without what it says', () => {
      write('# a comment\n\nPORT 9000\nexport HOST=127.0.0.1\n  hunter2\nLOG_LEVEL: warn\n');
      expect(problems()).toEqual(
        [3, 5, 6].map(
          (line) => `Line ${line} of ${join(cwd, '.env')} must be NAME=value, empty, or a comment that begins with #.`,
        ),
      );
    });

    it('takes a value in quotes over several lines, and refuses a quote that nothing closes', () => {
      write('ADMIN_PASSWORD="one\ntwo three"\nPORT=9000\n');
      expect(loadConfig({}, cwd)).toMatchObject({ port: 9000, admin: { password: 'one\ntwo three' } });
      write('ADMIN_PASSWORD="one two three\nPORT=9000\n');
      expect(problems()).toContain(`Line 1 of ${join(cwd, '.env')} opens a quote (") that nothing closes.`);
    });

    it('stops the start where a value would be cut without a word', () => {
      write('ADMIN_PASSWORD=Sommer2026#strong\nPORT=9000 # a comment\nHOST="::1" tail\nLOG_LEVEL="warn" # another\n');
      const file = join(cwd, '.env');
      expect(problems()).toEqual([
        `Line 1 of ${file} has a # in a value without quotes, which begins a comment: quote it.`,
        `Line 3 of ${file} has text behind the quote that ends its value.`,
      ]);
      write('ADMIN_PASSWORD="Sommer2026#strong"\n');
      expect(loadConfig({}, cwd)).toMatchObject({ admin: { password: 'Sommer2026#strong' } });
    });

    it('must be UTF-8', () => {
      for (const bytes of [Buffer.from('OIDC_NAME=caf\xe9\n', 'latin1'), Buffer.from('\ufeffPORT=9000\n', 'utf16le')]) {
        write(bytes);
        expect(problems()).toEqual([`The file ${join(cwd, '.env')} must be UTF-8 text.`]);
      }
    });

    it('that sets a name twice stops the start', () => {
      write('PORT=9000\nHOST=127.0.0.1\nPORT=9001\n');
      expect(problems()).toEqual([`PORT is set twice in ${join(cwd, '.env')}, in line 1 and in line 3.`]);
    });

    it('with a misspelt name stops the start', () => {
      write('DATABSE_URL=postgresql://chat@db/chat\nLIMIT_REQUEST_PER_USER=1\nredis_url=redis://r\nLIMIT_WHATEVER=1\n');
      expect([...problems()].sort()).toEqual([
        'DATABSE_URL is no setting; did you mean DATABASE_URL?',
        'LIMIT_REQUEST_PER_USER is no setting; did you mean LIMIT_REQUESTS_PER_USER?',
        'LIMIT_WHATEVER is no setting.',
        'redis_url is no setting; did you mean REDIS_URL?',
      ]);
    });

    it('may hold what other programs read', () => {
      write('POSTGRES_PASSWORD=chat\nTZ=UTC\nNODE_OPTIONS=--max-old-space-size=512\nOIDC_GOOGLE_NAME=\n');
      expect(problems()).toEqual([]);
    });

    it('is not the environment, where only what is clearly ours is misspelt', () => {
      expect(problems({ POST: '1', HOSTNAME: 'box', LOGLEVEL: 'x', DB_URL: 'x', LIMITS: '1', PATH: '/bin' })).toEqual(
        [],
      );
      expect(problems({ OAUTH2_PROVIDER_ACCES_TOKEN_EXPIRE_SECONDS: '60', DATABASE_ULR: 'x' })).toHaveLength(2);
    });
  });

  it('refuses every part of a database URL that is not used, by name and without its value', () => {
    const sentences = (url: string) => {
      try {
        loadConfig({ DATABASE_URL: url }, cwd);
        return [];
      } catch (error) {
        return error instanceof ConfigError ? error.problems : [String(error)];
      }
    };
    expect(sentences('postgresql://chat:x@db/chat?sslmode=verify-full&application_name=one&host=/run/pg')).toEqual([]);
    for (const name of [
      'schema',
      'connection_limit',
      'pgbouncer',
      'statement_timeout',
      'target_session_attrs',
      'sslMode',
      'constructor',
    ]) {
      const [problem, ...more] = sentences(`postgresql://chat:x@db/chat?${name}=hunter2`);
      expect(problem).toMatch(
        new RegExp(`^DATABASE_URL must not have the parameter "${name}", which is not used.*\\.$`),
      );
      expect(problem).not.toContain('hunter2');
      expect(more).toEqual([]);
    }
    expect(sentences('postgresql://chat:x@db/chat?sslmode=allow')).toHaveLength(1);
    expect(sentences('postgresql://chat:x@db/chat#part')).toHaveLength(1);
    expect(sentences('postgresql://chat:x@db/chat/two')).toHaveLength(1);
    expect(sentences('postgresql://chat:%zz@db/chat')).toHaveLength(1);
  });

  it('refuses every part of a Redis URL that is not used', () => {
    for (const url of ['redis://r/0?db=3', 'redis://r/one', 'redis://r/0#x'])
      expect(() => loadConfig({ REDIS_URL: url }, cwd)).toThrow(/^REDIS_URL must /);
    expect(loadConfig({ REDIS_URL: 'rediss://user:word@r:6380/7' }, cwd).redisUrl).toBe('rediss://user:word@r:6380/7');
  });
});
