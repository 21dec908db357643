import { expect, it } from 'vitest';
import { newToken } from '../../src/domain/access/tokens/opaque-token.js';
import { redacted, redactedLog } from '../../src/operator/redact.js';
import { type WelcomeFacts, welcomeText } from '../../src/operator/welcome.js';

const WELCOME: WelcomeFacts = {
  origin: 'http://127.0.0.1:8000',
  signInAddress: `http://127.0.0.1:8000/#code=${newToken('signIn')}&chat=1`,
  username: 'admin',
  password: 'mfLk2jd-9f',
  clientId: 'web',
  clientSecret: 'kUiPT6-wgW_1',
  chat: { id: '1', name: 'welcome', epoch: 'e' },
};

it('what the first start prints loses its password, its secret and its address', () => {
  const text = redactedLog(welcomeText(WELCOME), []);
  for (const secret of ['mfLk2jd', 'kUiPT6', 'csi_A', '#code=csi_']) expect(text).not.toContain(secret);
  expect(text).toContain('  admin            admin');
});

it.each([
  ['a token of the service', newToken('access'), newToken('access').slice(8)],
  ['the user and password of an address', 'connect to redis://user:hunter2@redis:6379/0', 'hunter2'],
  ['a token in a query', 'GET /ws/chat/a?token=opaque-one&after=3', 'opaque-one'],
  ['a header', '{"authorization":"Bearer abcdefghij"}', 'abcdefghij'],
  ['a web token', 'refused eyJhbGciOiJ.eyJzdWIiOiJ.c2lnbmF0dXJl', 'c2lnbmF0dXJl'],
  ['an assignment', 'ADMIN_PASSWORD=hunter22 npm start', 'hunter22'],
  ['a member of JSON', '{"password":"hunter2","level":30}', 'hunter2'],
])('a log loses %s', (_what, line, secret) => {
  expect(redactedLog(line, [])).not.toContain(secret);
});

it('known secrets go wherever they are, the longest first', () => {
  expect(redacted('a chat-secret-and-more, chat-secret', ['chat-secret', 'chat-secret-and-more'])).toBe('a …, …');
});

it.each([
  '{"level":30,"time":1,"reqId":"r1","req":{"method":"GET","path":"/healthz","remoteAddress":"127.0.0.1"},"msg":"incoming request"}',
  '{"level":50,"err":{"type":"DomainError","code":"RATE_LIMITED","message":"Too many requests."},"msg":"refused"}',
  '{"level":30,"msg":"refused a token of an issuer","reason":"expired","issuer":"https://id.example/a"}',
])('a line without one stays as it is: %s', (line) => {
  expect(redactedLog(line, [])).toBe(line);
});
