import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UserProfile } from '../../../src/domain/profile.js';
import type { Viewer } from '../../../src/domain/viewer.js';
import { PASSWORD, startOwnServices } from '../../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let admin: Viewer;
beforeAll(async () => {
  services = await startOwnServices();
  admin = await services.newViewer(await services.newUser('admin'));
});
afterAll(() => services.close());

/** What the log says of what `act` did, without numbers and times. */
async function entriesOf(act: () => Promise<unknown>) {
  const newest = 'SELECT coalesce(max(seq), 0) AS seq FROM audit_log';
  const { rows: before } = await services.db.pool.query(newest);
  await act();
  const { rows } = await services.db.pool.query('SELECT entry FROM audit_log WHERE seq > $1 ORDER BY seq', [
    before[0].seq,
  ]);
  return rows.map(({ entry }) => {
    const { seq, at, ...act } = JSON.parse(entry);
    return act;
  });
}

const by = (actor: Viewer | undefined, act: object) => ({
  ...{
    actor: actor?.user?.id ?? null,
    client: actor?.clientId ?? null,
    chat: null,
    target: null,
    data: {},
    reason: null,
  },
  ...act,
});

async function chatOf(...names: ('ann' | 'bob')[]) {
  const users = await Promise.all(names.map(() => services.newUser()));
  const chat = await services.newChat(...users);
  return { chat: chat.id, users: users as [UserProfile, UserProfile] };
}

describe('the audit log', () => {
  it('has the changes of members that are made to others, and none that changes nothing', async () => {
    const { chat, users } = await chatOf('ann', 'bob');
    const [ann, bob] = users;
    const cid = await services.newUser();
    const { memberships } = services;
    const actor = admin.user;
    const assign = () => memberships.add(actor, chat, cid.id.toUpperCase(), admin);
    expect(await entriesOf(assign)).toEqual([
      by(admin, { action: 'member.added', chat, target: cid.id, data: { role: 'member' } }),
    ]);
    expect(await entriesOf(assign)).toEqual([]);
    const promote = () => memberships.setRole(actor, chat, ann.id, 'owner', admin);
    expect(await entriesOf(promote)).toEqual([
      by(admin, { action: 'member.role_set', chat, target: ann.id, data: { role: 'owner', before: 'member' } }),
    ]);
    expect(await entriesOf(promote)).toEqual([]);
    const owner = await services.newViewer(ann);
    const remove = () => memberships.remove(ann, chat, bob.id, owner);
    expect(await entriesOf(remove)).toEqual([
      by(owner, { action: 'member.removed', chat, target: bob.id, data: { role: 'member' } }),
    ]);
    expect(await entriesOf(remove)).toEqual([]);
  });

  it('has each change of members of one call', async () => {
    const { chat, users } = await chatOf('ann', 'bob');
    const [ann, bob] = users;
    const cid = await services.newUser();
    const set = () =>
      services.memberSets.set(admin, chat, { exactly: [{ userId: cid.id }, { userId: bob.id, role: 'reader' }] });
    expect(await entriesOf(set)).toEqual([
      by(admin, { action: 'member.removed', chat, target: ann.id, data: { role: 'member' } }),
      by(admin, { action: 'member.added', chat, target: cid.id, data: { role: 'member' } }),
      by(admin, { action: 'member.role_set', chat, target: bob.id, data: { role: 'reader', before: 'member' } }),
    ]);
    expect(await entriesOf(set)).toEqual([]);
  });

  it("has what is done to others' messages, and nothing of what people do to their own", async () => {
    const { chat, users } = await chatOf('ann', 'bob');
    const [ann, bob] = users;
    const [viewer, moderator] = [await services.newViewer(ann), await services.newViewer(bob)];
    await services.memberships.setRole(null, chat, bob.id, 'moderator');
    const [own, other] = [
      await services.messages.send(moderator, { chatId: chat, content: 'mine' }),
      await services.messages.send(viewer, { chatId: chat, content: 'yours' }),
    ];
    await services.messageChanges.edit(viewer, { chatId: chat, messageId: other.id, content: 'changed' });
    const forget = () => services.messageChanges.forgetHistory(moderator, { chatId: chat, messageId: other.id });
    const facts = { chat, target: other.id, data: { seq: other.seq, sender: ann.id } };
    expect(await entriesOf(forget)).toEqual([by(moderator, { action: 'message.history_forgotten', ...facts })]);
    expect(await entriesOf(forget)).toEqual([]);
    const remove = () => services.messageChanges.deleteMany(moderator, chat, [own.id, other.id]);
    expect(await entriesOf(remove)).toEqual([by(moderator, { action: 'message.deleted', ...facts })]);
    expect(await entriesOf(remove)).toEqual([]);
  });

  it('has the administration of users, without what is personal', async () => {
    const input = { username: 'audited', password: PASSWORD, email: 'audited@example.org' };
    let id = '';
    const create = async () => {
      id = (await services.users.create(input, admin)).id;
    };
    const created = await entriesOf(create);
    expect(created).toEqual([by(admin, { action: 'user.created', target: id, data: { kind: 'human', role: 'user' } })]);
    const update = () => services.users.update(id, { email: 'other@example.org', role: 'admin' }, admin);
    expect(await entriesOf(update)).toEqual([
      by(admin, { action: 'user.updated', target: id, data: { changed: ['role', 'email'], role: 'admin' } }),
    ]);
    expect(await entriesOf(update)).toEqual([]);
    expect(await entriesOf(() => services.users.update(id, { isActive: false }))).toEqual([
      by(undefined, { action: 'user.updated', target: id, data: { changed: ['isActive'], isActive: false } }),
    ]);
    expect(await entriesOf(() => services.users.setPassword('audited', PASSWORD))).toEqual([
      by(undefined, { action: 'user.password_set', target: id }),
    ]);
  });

  it('has the users that another system makes and changes', async () => {
    const identities = [{ issuer: 'https://issuer.example', subject: 'one' }];
    const upsert = (firstName: string, more: object = {}) =>
      services.userUpserts.upsert(admin, [
        { externalId: 'audited/1', firstName, ...more },
        { externalId: 'audited/2' },
      ]);
    const made = await entriesOf(() => upsert('Ann'));
    const [ann, other] = await upsert('Ann');
    const data = { kind: 'human', role: 'user' };
    expect(made).toEqual([
      by(admin, { action: 'user.created', target: ann?.id, data }),
      by(admin, { action: 'user.created', target: other?.id, data }),
    ]);
    expect(await entriesOf(() => upsert('Ann'))).toEqual([]);
    expect(await entriesOf(() => upsert('Anna', { identities }))).toEqual([
      by(admin, { action: 'user.updated', target: ann?.id, data: { changed: ['firstName', 'identities'] } }),
    ]);
  });

  it('has bots, applications and the tokens that they issue', async () => {
    const owner = await services.newUser();
    const [made] = await entriesOf(() => services.bots.create(admin, 'audited-bot', owner.id));
    const data = { role: 'user', owner: owner.id };
    expect(made).toEqual(by(admin, { action: 'bot.created', target: expect.any(String), data }));
    let bot = '';
    const service = async () => {
      bot = await services.bots.forService('audited-service', 'admin');
    };
    const [served] = await entriesOf(service);
    expect(served).toEqual(by(undefined, { action: 'bot.created', target: bot, data: { role: 'admin', owner: null } }));
    const scopes = ['read', 'write'];
    const grants = ['issue_token', 'client_credentials'];
    const register = () =>
      services.clients.create({ id: 'audited', name: 'Audited', grants: ['issue_token'], serviceUserId: bot });
    expect(await entriesOf(register)).toEqual([
      by(undefined, {
        ...{ action: 'client.created', target: 'audited' },
        data: { grants, scopes, isPublic: false, serviceUser: bot },
      }),
    ]);
    expect(await entriesOf(() => register().catch(() => undefined))).toEqual([]);
    const token = await services.tokens.issue({
      ...{ clientId: 'audited', userId: bot, scopes: ['read', 'write'], withRefreshToken: false },
    });
    const backend = token && (await services.tokens.authenticate(token.accessToken));
    if (!backend) throw new Error('There is no token.');
    const chats = [crypto.randomUUID()];
    const issue = () =>
      services.impersonation.issue(backend, { user: { id: owner.id }, expiresIn: 600, scopes: ['read'], chats });
    expect(await entriesOf(issue)).toEqual([
      by(backend, {
        ...{ action: 'token.issued', target: owner.id },
        data: { client: 'audited', scopes: ['read'], expiresIn: 600, chats },
      }),
    ]);
    expect(await entriesOf(() => services.tokens.removeClient('audited'))).toEqual([
      by(undefined, { action: 'client.removed', target: 'audited' }),
    ]);
  });

  it('has who is forgotten, and new epochs', async () => {
    const guest = await services.newUser();
    await services.db.pool.query("UPDATE users SET kind = 'guest', forget_at = now() WHERE id = $1", [guest.id]);
    expect(await entriesOf(() => services.guests.forget())).toEqual([
      by(undefined, { action: 'user.forgotten', target: guest.id }),
    ]);
    expect(await entriesOf(() => services.guests.forget())).toEqual([]);
    const { id: chat, name } = await services.newChat();
    expect(await entriesOf(() => services.chats.rotateEpoch(name))).toEqual([
      by(undefined, { action: 'epoch.rotated', chat, data: { chats: 1 } }),
    ]);
    const count = await services.db.prisma.chat.count();
    expect(await entriesOf(() => services.chats.rotateEpoch())).toEqual([
      by(undefined, { action: 'epoch.rotated', data: { chats: count } }),
    ]);
  });
});
