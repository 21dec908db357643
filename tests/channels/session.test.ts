import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UserProfile } from '../../src/domain/profile.js';
import { type RealtimeApp, startRealtimeApp } from '../support/realtime-app.js';
import { startOwnServices } from '../support/services.js';
import { TRANSPORTS, type Transport } from '../support/transports.js';

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

describe.each(TRANSPORTS)('on %s', (_name, of) => {
  let transport: Transport;

  beforeAll(() => {
    transport = of(app);
  });

  describe('a stream ends with its token', () => {
    it('at once when the token is revoked, with closing and 4403', async () => {
      const chat = await services.newChat(ann);
      const token = await app.newToken(ann);
      const [stream, other] = await Promise.all([transport.open(chat.name, token), transport.join(chat.name, ann)]);
      await stream.next('live');
      await services.tokens.revoke(token, app.clientId);
      expect(await stream.closed).toEqual(revoked);
      expect(stream.frames.at(-1)).toEqual({ type: 'closing', ...revoked });
      await services.messages.send(await services.newViewer(ann), { chatId: chat.id, content: 'still here' });
      expect(await other.next()).toMatchObject({ type: 'message.created' });
      await other.close();
    });

    it('when it was opened with a ticket of that token', async () => {
      const chat = await services.newChat(ann);
      const token = await app.newToken(ann);
      const viewer = await services.tokens.authenticate(token);
      if (!viewer) throw new Error('The token is not valid.');
      const ticket = await services.tokens.createSocketTicket(viewer);
      const stream = await transport.open(chat.name, null, { query: { ticket } });
      await stream.next('live');
      await services.tokens.revoke(token, app.clientId);
      expect(await stream.closed).toEqual(revoked);
    });

    it('when its user is deactivated', async () => {
      const user = await services.newUser();
      const chat = await services.newChat(user);
      const stream = await transport.join(chat.name, user);
      await services.users.update(user.id, { isActive: false });
      expect(await stream.closed).toEqual(revoked);
    });

    it('when the token expires', async () => {
      const chat = await services.newChat(ann);
      const token = await app.newToken(ann);
      await expiresIn(token, 1);
      const stream = await transport.open(chat.name, token);
      await stream.next('live');
      expect(await stream.closed).toEqual({ code: 4403, reason: 'token_expired' });
    });
  });

  describe('a token that expires soon', () => {
    it('is announced, without a cursor', async () => {
      const chat = await services.newChat(ann);
      const token = await app.newToken(ann);
      await expiresIn(token, 3);
      const stream = await transport.open(chat.name, token);
      const { expiresAt } = await stream.next('hello');
      expect(await stream.next('token.expiring')).toEqual({ type: 'token.expiring', expiresAt });
      await stream.close();
    });
  });

  describe('an admin who is made a user', () => {
    it('loses the chats that it is no member of', async () => {
      const admin = await services.newUser('admin');
      // The last admin stays one.
      await services.newUser('admin');
      const chat = await services.newChat(ann);
      const stream = await transport.join(chat.name, admin);
      await services.users.update(admin.id, { role: 'user' });
      expect(await stream.closed).toEqual({ code: 4410, reason: 'removed_from_chat' });
    });
  });
});
