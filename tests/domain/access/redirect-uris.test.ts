import { describe, expect, it } from 'vitest';
import { findRedirectUri } from '../../../src/domain/access/redirect-uris.js';

describe('findRedirectUri', () => {
  const web = 'https://app.example/callback';

  it.each([
    ['the very URI', [web], web],
    ['one of several', ['https://other.example/', web], web],
    ['a URI of a private scheme', ['com.example.app:/done'], 'com.example.app:/done'],
    ['any port of 127.0.0.1', ['http://127.0.0.1/cb'], 'http://127.0.0.1:51004/cb'],
    ['any port of 127.0.0.1 when one was registered', ['http://127.0.0.1:3000/cb'], 'http://127.0.0.1:51004/cb'],
    ['any port of [::1]', ['http://[::1]/cb?x=1'], 'http://[::1]:8123/cb?x=1'],
  ])('takes %s', (_, registered, asked) => {
    expect(findRedirectUri(registered, asked)).toBe(asked);
  });

  it.each([
    ['another path', [web], 'https://app.example/callback/'],
    ['a longer path', [web], 'https://app.example/callback/../evil'],
    ['another query', [web], `${web}?x=1`],
    ['another host', [web], 'https://app.example.evil.example/callback'],
    ['a host behind credentials', ['http://127.0.0.1/cb'], 'http://127.0.0.1:80@evil.example/cb'],
    ['another case', [web], 'https://APP.example/callback'],
    ['another port of https', [web], 'https://app.example:8443/callback'],
    ['another port of localhost, a name', ['http://localhost:3000/cb'], 'http://localhost:3001/cb'],
    ['another loopback address', ['http://127.0.0.1/cb'], 'http://127.0.0.2/cb'],
    ['another path on another port', ['http://127.0.0.1/cb'], 'http://127.0.0.1:99/dc'],
    ['a port that is none', ['http://127.0.0.1/cb'], 'http://127.0.0.1:99999/cb'],
    ['something that is no URI', [web], 'callback'],
    ['anything when nothing is registered', [], web],
  ])('refuses %s', (_, registered, asked) => {
    expect(findRedirectUri(registered, asked)).toBeUndefined();
  });

  it('takes the only one for a request that names none, and none of several', () => {
    expect(findRedirectUri([web], undefined)).toBe(web);
    expect(findRedirectUri([web, 'https://b.example/'], undefined)).toBeUndefined();
  });
});
