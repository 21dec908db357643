import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UserProfile } from '../../src/domain/profile.js';
import { type RealtimeApp, startRealtimeApp } from '../support/realtime-app.js';
import { startOwnServices } from '../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let app: RealtimeApp;
let ann: UserProfile;

beforeAll(async () => {
  services = await startOwnServices();
  app = await startRealtimeApp(services);
  ann = await services.newUser();
});

afterAll(async () => {
  await app.close();
  await services.close();
});

async function expiresIn(token: string, seconds: number): Promise<void> {
  const viewer = await services.tokens.authenticate(token);
  await services.db.pool.query(
    'UPDATE access_tokens SET expires_at = now() + make_interval(secs => $2) WHERE family_id = $1',
    [viewer?.familyId, seconds],
  );
}

const revoked = { code: 4403, reason: 'token_revoked' };

describe('a token that expires soon', () => {
  it('is announced, and an auth frame renews it in place', async () => {
    const chat = await services.newChat(ann);
    const token = await app.newToken(ann);
    await expiresIn(token, 3);
    const socket = await app.open(chat.name, token);
    const { expiresAt } = await socket.next('hello');
    expect(await socket.next('token.expiring')).toEqual({ type: 'token.expiring', expiresAt });
    socket.send({ type: 'auth', id: 'a1', token: await app.newToken(ann) });
    const ack = await socket.next('ack');
    expect(ack).toEqual({ type: 'ack', id: 'a1', expiresAt: expect.any(String) });
    expect(Date.parse(String(ack.expiresAt))).toBeGreaterThan(Date.now() + 3_600_000);
    socket.send({ type: 'message.send', id: 'c1', content: 'still here' });
    expect(await socket.next('ack')).toMatchObject({ id: 'c1' });
    await socket.close();
  });
});

describe('an auth frame', () => {
  it('is refused with a token of another user, an unknown one, or none; the socket goes on', async () => {
    const chat = await services.newChat(ann);
    const socket = await app.join(chat.name, ann);
    const cases: [token: unknown, code: string][] = [
      [await app.newToken(await services.newUser()), 'FORBIDDEN'],
      [await app.newToken(null), 'FORBIDDEN'],
      [`cat_${'x'.repeat(43)}`, 'UNAUTHENTICATED'],
      [undefined, 'BAD_USER_INPUT'],
    ];
    for (const [token, code] of cases) {
      socket.send({ type: 'auth', id: code, token });
      expect(await socket.next()).toMatchObject({ type: 'error', id: code, code });
    }
    socket.send({ type: 'message.send', id: 'c1', content: 'hi' });
    expect(await socket.next('ack')).toMatchObject({ id: 'c1' });
    await socket.close();
  });

  it('replaces the token wholly: one without read ends the socket', async () => {
    const chat = await services.newChat(ann);
    const socket = await app.join(chat.name, ann);
    socket.send({ type: 'auth', id: 'a', token: await app.newToken(ann, ['write']) });
    expect(await socket.closed).toEqual({ code: 4403, reason: 'insufficient_scope' });
    expect(socket.frames.at(-1)).toEqual({ type: 'closing', code: 4403, reason: 'insufficient_scope' });
  });

  it('holds for the frames that follow it at once, and not for those before', async () => {
    const chat = await services.newChat(ann);
    const socket = await app.open(chat.name, await app.newToken(ann, ['read']));
    await socket.next('live');
    socket.send({ type: 'message.send', id: '1', content: 'too early' });
    socket.send({ type: 'auth', id: '2', token: await app.newToken(ann) });
    socket.send({ type: 'message.send', id: '3', content: 'now I may' });
    const answers = await socket.take(4);
    expect(answers.filter((frame) => frame.id).map(({ type, id }) => `${type} ${id}`)).toEqual([
      'error 1',
      'ack 2',
      'ack 3',
    ]);
    await socket.close();
  });

  it('moves the socket to the new sign-in: the old one may end', async () => {
    const chat = await services.newChat(ann);
    const [before, after] = [await app.newToken(ann), await app.newToken(ann)];
    const socket = await app.open(chat.name, before);
    socket.send({ type: 'auth', token: after });
    await socket.next('ack');
    await services.tokens.revoke(before, app.clientId);
    socket.send({ type: 'ping' });
    expect(await socket.next('pong')).toEqual({ type: 'pong' });
    await services.tokens.revoke(after, app.clientId);
    expect(await socket.closed).toEqual(revoked);
  });
});

describe('an admin who is made a user', () => {
  it('keeps its own chats, until it is removed', async () => {
    const admin = await services.newUser('admin');
    // The last admin stays one.
    await services.newUser('admin');
    const chat = await services.newChat(ann, admin);
    const socket = await app.join(chat.name, admin);
    await services.users.update(admin.id, { role: 'user' });
    socket.send({ type: 'message.send', id: 'c1', content: 'still a member' });
    expect(await socket.next('ack')).toMatchObject({ id: 'c1' });
    await services.memberships.remove(null, chat.id, admin.id);
    expect(await socket.closed).toEqual({ code: 4410, reason: 'removed_from_chat' });
  });
});
