import { describe, expect, it } from 'vitest';
import { readTrustedIssuers } from '../../src/config/trusted-issuers.js';

function read(text: string | undefined, environment: NodeJS.Dict<string> = {}) {
  const problems: string[] = [];
  const issuers = readTrustedIssuers({ ...environment, TRUSTED_ISSUERS: text }, problems);
  return { issuers, problems };
}

const USUAL = {
  audiences: ['chat'],
  keysUrl: undefined,
  admin: undefined,
  idClaim: undefined,
  nameClaim: 'preferred_username',
  createsUsers: false,
  syncsNames: false,
  defaultScopes: [],
};

describe('TRUSTED_ISSUERS', () => {
  it('may be empty', () => {
    for (const text of [undefined, '', ' ; ']) expect(read(text)).toEqual({ issuers: [], problems: [] });
  });

  it('names issuers with their words', () => {
    const { issuers, problems } = read(
      `https://id.example/realms/shop audience=chat,web admin=realm_access.roles:chat-admin id=sub name=nickname create=on
         sync=on scopes=read,write keys=https://keys.example/jwks?v=1;
       http://localhost:9000 audience=chat ;`,
    );
    expect(problems).toEqual([]);
    expect(issuers).toEqual([
      {
        issuer: 'https://id.example/realms/shop',
        audiences: ['chat', 'web'],
        keysUrl: 'https://keys.example/jwks?v=1',
        admin: { claim: 'realm_access.roles', value: 'chat-admin' },
        idClaim: 'sub',
        nameClaim: 'nickname',
        createsUsers: true,
        syncsNames: true,
        defaultScopes: ['read', 'write'],
      },
      { ...USUAL, issuer: 'http://localhost:9000' },
    ]);
  });

  it.each([
    ['roles:admin', { claim: 'roles', value: 'admin' }],
    ['permissions:chat:admin', { claim: 'permissions', value: 'chat:admin' }],
    ['https://id.example/roles:admin', { claim: 'https://id.example/roles', value: 'admin' }],
  ])('reads admin=%s', (text, admin) => {
    expect(read(`https://id.example audience=chat admin=${text}`)).toEqual({
      issuers: [{ ...USUAL, issuer: 'https://id.example', admin }],
      problems: [],
    });
  });

  it.each([
    [
      'id.example audience=chat',
      'TRUSTED_ISSUERS must begin each issuer with its https URL, without query and fragment, not "id.example".',
    ],
    [
      'http://id.example audience=chat',
      'TRUSTED_ISSUERS must begin each issuer with its https URL, without query and fragment, not "http://id.example".',
    ],
    [
      'https://id.example?a=b audience=chat',
      'TRUSTED_ISSUERS must begin each issuer with its https URL, without query and fragment, not "https://id.example?a=b".',
    ],
    ['https://id.example', 'TRUSTED_ISSUERS must give https://id.example an audience, such as audience=chat.'],
    [
      'https://id.example audience=chat,',
      'TRUSTED_ISSUERS has audience=chat,, which must be one or more audiences, separated by commas.',
    ],
    [
      'https://id.example audience=chat audience=web',
      'TRUSTED_ISSUERS must have audience= once behind https://id.example.',
    ],
    [
      'https://id.example audience=chat audiences=web',
      'TRUSTED_ISSUERS has the word "audiences=web" behind https://id.example; known are audience=, admin=, id=, name=, create=, sync=, scopes=, keys=.',
    ],
    [
      'https://id.example audience=chat create',
      'TRUSTED_ISSUERS has the word "create" behind https://id.example; known are audience=, admin=, id=, name=, create=, sync=, scopes=, keys=.',
    ],
    ['https://id.example audience=chat create=yes', 'TRUSTED_ISSUERS has create=yes, which must be on or off.'],
    ['https://id.example audience=chat sync=yes', 'TRUSTED_ISSUERS has sync=yes, which must be on or off.'],
    [
      'https://id.example audience=chat admin=chat-admin',
      'TRUSTED_ISSUERS has admin=chat-admin, which must be a claim and the value of admins, such as roles:chat-admin.',
    ],
    [
      'https://id.example audience=chat scopes=introspection',
      'TRUSTED_ISSUERS has scopes=introspection, which must be read, write or both, separated by commas.',
    ],
    [
      'https://id.example audience=chat keys=ftp://id.example/keys',
      'TRUSTED_ISSUERS has keys=ftp://id.example/keys, which must be an https URL.',
    ],
    [
      'https://id.example audience=chat keys=http://id.example/keys',
      'TRUSTED_ISSUERS has keys=http://id.example/keys, which must be an https URL.',
    ],
    [
      'https://id.example audience=chat; https://id.example audience=web',
      'TRUSTED_ISSUERS must name https://id.example once.',
    ],
    [
      'https://a.example audience=chat id=sub; https://b.example audience=chat id=sub',
      'TRUSTED_ISSUERS must have id= behind one issuer alone, not behind https://a.example and https://b.example.',
    ],
  ])('does not take %j', (text, problem) => {
    expect(read(text).problems).toContain(problem);
  });

  it('takes http for this machine alone, and not in production', () => {
    expect(read('http://127.0.0.1:9000 audience=chat').problems).toEqual([]);
    expect(read('http://127.0.0.1:9000 audience=chat', { NODE_ENV: 'production' }).problems).toEqual([
      'TRUSTED_ISSUERS must begin each issuer with its https URL, without query and fragment, not "http://127.0.0.1:9000".',
    ]);
    const keys = 'https://id.example audience=chat keys=http://127.0.0.1:9000/keys';
    expect(read(keys).problems).toEqual([]);
    expect(read(keys, { NODE_ENV: 'production' }).problems).toEqual([
      'TRUSTED_ISSUERS has keys=http://127.0.0.1:9000/keys, which must be an https URL.',
    ]);
  });
});
