import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UserProfile } from '../../../src/domain/profile.js';
import type { Viewer } from '../../../src/domain/viewer.js';
import { RecordingInbox } from '../../delivery/inbox/recording-inbox.js';
import { startOwnServices } from '../../support/services.js';
import { testDatabaseSource } from '../../support/test-database-source.js';
import { waitUntil } from '../../support/wait-until.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
beforeAll(async () => {
  services = await startOwnServices();
});
afterAll(() => services.close());

const network = '192.0.2.1';
const newViewer = async () => services.newViewer(await services.newUser());
const userOf = (viewer: Viewer): UserProfile => {
  if (!viewer.user) throw new Error('A viewer without a user.');
  return viewer.user;
};

/** A chat with an owner, a moderator and a member. */
async function newTeam() {
  const [owner, moderator, member] = [await newViewer(), await newViewer(), await newViewer()];
  const chat = await services.newChat(userOf(owner), userOf(moderator), userOf(member));
  await services.memberships.setRole(null, chat.id, userOf(owner).id, 'owner');
  await services.memberships.setRole(null, chat.id, userOf(moderator).id, 'moderator');
  return { chatId: chat.id, owner, moderator, member };
}

const roleIn = async (chatId: string, viewer: Viewer) => {
  const members = (await services.memberLists.list([chatId], { first: 100 })).get(chatId) ?? [];
  return members.find(({ user }) => user.id === userOf(viewer).id)?.role;
};
const invite = (viewer: Viewer, chatId: string, guest: Viewer) =>
  services.invitations.invite(viewer, chatId, userOf(guest).id);
const accept = (viewer: Viewer, by: { id?: string; code?: string | null }) =>
  services.invitations.accept(viewer, { ...by, network });
const newLink = (viewer: Viewer, chatId: string, more: object = {}) =>
  services.inviteLinks.create(viewer, { chatId, ...more });

describe('an invitation', () => {
  it('makes who accepts a member, once, by the id that others cannot use', async () => {
    const { chatId, moderator } = await newTeam();
    const [guest, other] = [await newViewer(), await newViewer()];
    const invitation = await invite(moderator, chatId.toUpperCase(), guest);
    expect(invitation).toMatchObject({ chat: { id: chatId, memberCount: 3 }, inviter: moderator.user, role: 'member' });
    expect(await invite(moderator, chatId, guest)).toEqual(invitation);
    expect(await services.invitations.list(guest)).toEqual([invitation]);
    await expect(accept(other, { id: invitation.id })).rejects.toMatchObject({ code: 'NOT_FOUND', field: 'id' });
    const membership = await accept(guest, { id: invitation.id });
    expect(membership).toMatchObject({ chatId, userId: userOf(guest).id, role: 'member' });
    expect(await services.invitations.list(guest)).toEqual([]);
    expect(await accept(guest, { id: invitation.id })).toEqual(membership);
    await expect(invite(moderator, chatId, guest)).rejects.toMatchObject({ code: 'CONFLICT', field: 'userId' });
  });

  it('is for who may invite, of users who are there', async () => {
    const { chatId, moderator, member } = await newTeam();
    const guest = await newViewer();
    await expect(invite(member, chatId, guest)).rejects.toMatchObject({ code: 'FORBIDDEN', rule: 'chat.role' });
    await expect(invite(guest, chatId, guest)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await services.db.pool.query("UPDATE chats SET invites = 'members' WHERE id = $1", [chatId]);
    expect(await invite(member, chatId, guest)).toMatchObject({ inviter: member.user });
    for (const id of [crypto.randomUUID(), 'x'])
      await expect(services.invitations.invite(moderator, chatId, id)).rejects.toMatchObject({
        ...{ code: 'NOT_FOUND', field: 'userId' },
      });
    const gone = await newViewer();
    await services.users.update(userOf(gone).id, { isActive: false });
    await expect(invite(moderator, chatId, gone)).rejects.toMatchObject({ code: 'FORBIDDEN', rule: 'user.inactive' });
  });

  it('ends when it is declined, revoked or too old', async () => {
    const { chatId, moderator, member, owner } = await newTeam();
    const guest = await newViewer();
    const first = await invite(moderator, chatId, guest);
    await expect(services.invitations.decline(member, first.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await services.invitations.decline(guest, first.id)).toBe(true);
    expect(await services.invitations.decline(guest, first.id)).toBe(false);
    await expect(accept(guest, { id: first.id })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const second = await invite(moderator, chatId, guest);
    await expect(services.invitations.revoke(member, second.id)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(services.invitations.revoke(guest, second.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await services.invitations.revoke(owner, second.id)).toBe(true);
    expect(await services.invitations.revoke(owner, second.id)).toBe(false);
    await expect(accept(guest, { id: second.id })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const third = await invite(moderator, chatId, guest);
    await services.db.pool.query("UPDATE invitations SET expires_at = now() - interval '1 ms' WHERE id = $1", [
      third.id,
    ]);
    expect(await services.invitations.list(guest)).toEqual([]);
    await expect(accept(guest, { id: third.id })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('is nothing for who is banned, and neither is a link', async () => {
    const { chatId, moderator } = await newTeam();
    const [guest, banned] = [await newViewer(), await newViewer()];
    const ban = (viewer: Viewer) =>
      services.db.pool.query('INSERT INTO chat_bans (chat_id, user_id) VALUES ($1, $2)', [chatId, userOf(viewer).id]);
    const invitation = await invite(moderator, chatId, guest);
    const { code } = await newLink(moderator, chatId);
    await Promise.all([ban(guest), ban(banned)]);
    await expect(invite(moderator, chatId, banned)).rejects.toMatchObject({ code: 'NOT_FOUND', field: 'userId' });
    await expect(accept(guest, { id: invitation.id })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(accept(banned, { code })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await services.inviteLinks.list(moderator, chatId)).toMatchObject([{ uses: 0 }]);
  });

  it('lifts no restriction of who was a member before', async () => {
    const { chatId, moderator, member } = await newTeam();
    await services.memberships.setRole(null, chatId, userOf(member).id, 'reader');
    await services.memberships.remove(null, chatId, userOf(member).id);
    await accept(member, { id: (await invite(moderator, chatId, member)).id });
    expect(await roleIn(chatId, member)).toBe('reader');
  });

  it('is told to the inboxes of who is invited, live and on resume', async () => {
    const { chatId, moderator } = await newTeam();
    const guest = await newViewer();
    const inbox = await new RecordingInbox(services, userOf(guest)).open();
    const told = () => inbox.items.flatMap((item) => (item.type === 'invitation' ? [item.invitation] : []));
    const invitation = await invite(moderator, chatId, guest);
    await waitUntil('the invitation', 5000, () => told().length === 1);
    expect(told()).toEqual([invitation]);
    inbox.close();
    await services.invitations.revoke(moderator, invitation.id);
    const later = await invite(moderator, chatId, guest);
    await inbox.open(inbox.items.length);
    await waitUntil('the later invitation', 5000, () => told().some(({ id }) => id === later.id));
    expect(told().at(-1)).toEqual(later);
    await services.invitations.decline(guest, later.id);
    await waitUntil('its end', 5000, () => told().at(-1)?.mark !== later.mark);
    expect(Date.parse(told().at(-1)?.expiresAt ?? '')).toBeLessThanOrEqual(Date.now() + 1000);
    inbox.close();
  });
});

/** Ways in which the moderator of a team loses the right to invite. */
const LOSSES: [name: string, lose: (chatId: string, moderator: UserProfile, owner: Viewer) => Promise<unknown>][] = [
  ['has a lower role', (chatId, { id }) => services.memberships.setRole(null, chatId, id, 'member')],
  ['was removed', (chatId, { id }) => services.memberships.remove(null, chatId, id)],
  [
    'was banned',
    (chatId, { id }, owner) => services.bans.ban(owner, { chatId, userId: id, until: null, reason: null }),
  ],
  ['is not active', (_chatId, { id }) => services.users.update(id, { isActive: false })],
];

describe.each(LOSSES)('of somebody who %s', (_name, lose) => {
  it('neither an invitation nor a link is good any more, and who is invited anew gets another', async () => {
    const { chatId, owner, moderator } = await newTeam();
    const [guest, other] = [await newViewer(), await newViewer()];
    const invitation = await invite(moderator, chatId, guest);
    const { code } = await newLink(moderator, chatId);
    await lose(chatId, userOf(moderator), owner);
    expect(await services.invitations.list(guest)).toEqual([]);
    expect(await services.inviteLinks.list(owner, chatId)).toEqual([]);
    await expect(accept(guest, { id: invitation.id })).rejects.toMatchObject({ code: 'NOT_FOUND', field: 'id' });
    await expect(accept(other, { code })).rejects.toMatchObject({ code: 'NOT_FOUND', field: 'code' });
    const anew = await invite(owner, chatId, guest);
    expect(anew.id).not.toBe(invitation.id);
    expect(await accept(guest, { id: anew.id })).toMatchObject({ chatId, role: 'member' });
  });
});

it('a link gives no role that its maker could not give now', async () => {
  const { chatId, owner, moderator } = await newTeam();
  await services.memberships.setRole(null, chatId, userOf(moderator).id, 'owner');
  const links = await Promise.all(
    (['moderator', 'owner', 'member'] as const).map((role) => newLink(owner, chatId, { role })),
  );
  await services.memberships.setRole(null, chatId, userOf(owner).id, 'moderator');
  for (const { code, role } of links) {
    const joining = accept(await newViewer(), { code });
    if (role === 'member') expect(await joining).toMatchObject({ role });
    else await expect(joining).rejects.toMatchObject({ code: 'NOT_FOUND', field: 'code' });
  }
});

it('an admin’s invitation to a chat of others is good as long as they are an admin', async () => {
  const { chatId } = await newTeam();
  await services.newUser('admin');
  const admin = await services.newViewer(await services.newUser('admin'));
  const [first, second] = [await newViewer(), await newViewer()];
  const [one, two] = [await invite(admin, chatId, first), await invite(admin, chatId, second)];
  expect(await accept(first, { id: one.id })).toMatchObject({ chatId });
  await services.users.update(userOf(admin).id, { role: 'user' });
  await expect(accept(second, { id: two.id })).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

it.runIf(testDatabaseSource().kind === 'postgres')(
  'who accepts holds no invitation while waiting for the chat: whoever has the chat and wants the invitation gets it',
  async () => {
    const { chatId, moderator } = await newTeam();
    const guest = await newViewer();
    const { id } = await invite(moderator, chatId, guest);
    for (const begin of [() => accept(guest, { id }), () => services.invitations.revoke(moderator, id)]) {
      const held = await services.db.pool.connect();
      await held.query('BEGIN');
      await held.query('SELECT 1 FROM chats WHERE id = $1 FOR NO KEY UPDATE', [chatId]);
      const waiting = begin();
      await waitUntil('the lock is waited for', 5000, async () => {
        const { rows } = await services.db.pool.query(
          `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        );
        return rows.length > 0;
      });
      await held.query("SET LOCAL lock_timeout = '100ms'");
      await held.query('SELECT 1 FROM invitations WHERE id = $1 FOR NO KEY UPDATE', [id]);
      await held.query('ROLLBACK');
      held.release();
      await waiting;
      await services.memberships.remove(null, chatId, userOf(guest).id);
      await services.db.pool.query("UPDATE invitations SET expires_at = now() + interval '1 day' WHERE id = $1", [id]);
    }
  },
);

it.runIf(testDatabaseSource().kind === 'postgres')(
  'who is banned, or comes too late, is refused while another transaction has the chat',
  async () => {
    const { chatId, owner, moderator } = await newTeam();
    await services.db.pool.query("UPDATE chats SET visibility = 'public' WHERE id = $1", [chatId]);
    const [banned, late] = [await newViewer(), await newViewer()];
    const invitation = await invite(moderator, chatId, banned);
    const { code } = await newLink(moderator, chatId);
    const ended = await newLink(moderator, chatId);
    await services.invitations.revoke(moderator, ended.id);
    await services.bans.ban(owner, { chatId, userId: userOf(banned).id });
    const held = await services.db.pool.connect();
    await held.query('BEGIN');
    await held.query('SELECT 1 FROM chats WHERE id = $1 FOR NO KEY UPDATE', [chatId]);
    for (const refused of [
      () => accept(banned, { id: invitation.id }),
      () => accept(banned, { code }),
      () => services.ownMembership.join(banned, chatId),
      () => accept(late, { code: ended.code }),
    ])
      await expect(refused()).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await held.query('ROLLBACK');
    held.release();
  },
);

describe('a link', () => {
  it('is used as often as it may be and no more, however many accept at once', async () => {
    const { chatId, moderator } = await newTeam();
    const { code } = await newLink(moderator, chatId, { maxUses: 1 });
    const guests = await Promise.all(Array.from({ length: 50 }, newViewer));
    const results = await Promise.allSettled(guests.map((guest) => accept(guest, { code })));
    const joined = results.flatMap((result, index) => (result.status === 'fulfilled' ? [index] : []));
    expect(joined).toHaveLength(1);
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'NOT_FOUND', field: 'code' });
    const [winner] = joined.map((index) => guests[index]);
    // Who is a member already uses nothing up.
    if (winner) expect(await accept(winner, { code })).toMatchObject({ chatId, role: 'member' });
    expect(await services.inviteLinks.list(moderator, chatId)).toMatchObject([{ uses: 1, maxUses: 1, code: null }]);
  });

  it('is stored without its code, and gives no role that its maker may not give', async () => {
    const { chatId, owner, moderator } = await newTeam();
    const { code } = await newLink(moderator, chatId);
    expect(code).toMatch(/^cil_[\w-]{22}$/);
    const { rows } = await services.db.pool.query('SELECT l::text AS text FROM invite_links l WHERE chat_id = $1', [
      chatId,
    ]);
    expect(rows[0].text).not.toContain(code);
    await expect(newLink(moderator, chatId, { role: 'moderator' })).rejects.toMatchObject({
      ...{ code: 'FORBIDDEN', rule: 'chat.role', needs: 'owner' },
    });
    const guest = await newViewer();
    await accept(guest, { code: (await newLink(owner, chatId, { role: 'moderator' })).code });
    expect(await roleIn(chatId, guest)).toBe('moderator');
  });

  it.each([
    ['expiresAt', { expiresAt: new Date(Date.now() - 1) }],
    ['expiresAt', { expiresAt: new Date(Date.now() + 31 * 86_400_000) }],
    ['expiresAt', { expiresAt: new Date(Number.NaN) }],
    ['maxUses', { maxUses: 0 }],
    ['maxUses', { maxUses: 100_001 }],
  ])('has a bounded %s', async (field, given) => {
    const { chatId, moderator } = await newTeam();
    await expect(newLink(moderator, chatId, given)).rejects.toMatchObject({ code: 'BAD_USER_INPUT', field });
  });

  it('is shown to moderators, and ends when it is revoked; both are in the audit log', async () => {
    const { chatId, owner, moderator, member } = await newTeam();
    const link = await newLink(moderator, chatId);
    expect(await services.inviteLinks.list(owner, chatId)).toMatchObject([{ id: link.id, code: null, uses: 0 }]);
    await expect(services.inviteLinks.list(member, chatId)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    expect(await services.invitations.revoke(owner, link.id)).toBe(true);
    expect(await services.inviteLinks.list(owner, chatId)).toEqual([]);
    const guest = await newViewer();
    await expect(accept(guest, { code: link.code })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const { entries } = await services.auditLog.page({ after: 0, first: 100, chatId });
    expect(entries.map(({ action, actorId, target }) => [action, actorId, target]).slice(-2)).toEqual([
      ['invite_link.created', userOf(moderator).id, link.id],
      ['invite_link.revoked', userOf(owner).id, link.id],
    ]);
  });

  it('cannot be guessed: after 20 codes that do not exist a network waits; used-up ones are no guesses', async () => {
    const { chatId, moderator } = await newTeam();
    const guest = await newViewer();
    const ended = await newLink(moderator, chatId);
    await services.invitations.revoke(moderator, ended.id);
    const from = (code: string | null, given: string) => services.invitations.accept(guest, { code, network: given });
    for (let tried = 0; tried < 25; tried += 1)
      await expect(from(ended.code, '192.0.2.2')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    for (let tried = 0; tried < 20; tried += 1)
      await expect(from(`cil_${tried}`, '192.0.2.2')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const { code } = await newLink(moderator, chatId);
    await expect(from(code, '192.0.2.2')).rejects.toMatchObject({ code: 'RATE_LIMITED', rule: 'invite.guesses' });
    expect(await from(code, '192.0.2.3')).toMatchObject({ chatId });
  });

  it('leads into no archived and no deleted chat', async () => {
    const { chatId, moderator } = await newTeam();
    const guest = await newViewer();
    const { code } = await newLink(moderator, chatId);
    await services.db.pool.query('UPDATE chats SET archived_at = now() WHERE id = $1', [chatId]);
    await expect(accept(guest, { code })).rejects.toMatchObject({ code: 'FORBIDDEN', rule: 'chat.archived' });
    await services.db.pool.query('UPDATE chats SET deleted_at = now() WHERE id = $1', [chatId]);
    await expect(accept(guest, { code })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('is asked for by an id or a code, and not by both', async () => {
    const guest = await newViewer();
    for (const by of [{}, { id: crypto.randomUUID(), code: 'x' }])
      await expect(accept(guest, by)).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
  });
});
