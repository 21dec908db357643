import { afterAll, beforeAll, expect, it } from 'vitest';
import { forgetDeletedChats } from '../../../src/domain/chats/deleted-chats.js';
import type { Viewer } from '../../../src/domain/viewer.js';
import { startOwnServices } from '../../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let admin: Viewer;
beforeAll(async () => {
  services = await startOwnServices();
  admin = await services.newViewer(await services.newUser('admin'));
});
afterAll(() => services.close());

async function newTeam() {
  const [mod, ann, bob] = [await services.newUser(), await services.newUser(), await services.newUser()];
  const { id: chatId } = await services.newChat(mod, ann, bob);
  await services.memberships.setRole(null, chatId, mod.id, 'moderator');
  const [moderator, author, reporter] = [
    await services.newViewer(mod),
    await services.newViewer(ann),
    await services.newViewer(bob),
  ];
  const { id: messageId } = await services.messages.send(author, { chatId, content: 'rude' });
  return { chatId, messageId, moderator, author, reporter };
}
const page = { state: 'open', first: 100, after: undefined } as const;

it('a report keeps what was said, though the message is edited and deleted', async () => {
  const { chatId, messageId, moderator, author, reporter } = await newTeam();
  const given = { chatId, messageId, reason: 'abuse', note: 'see' } as const;
  const report = await services.reports.report(reporter, given);
  expect(report).toMatchObject({
    content: 'rude',
    revision: 0,
    sender: author.user,
    reporter: reporter.user,
    note: 'see',
  });
  expect(await services.reports.report(reporter, given)).toEqual(report);
  await services.messageChanges.edit(author, { chatId, messageId, content: 'kind' });
  await services.messageChanges.delete(author, { chatId, messageId });
  expect(await services.reports.list(moderator, { ...page, chatId })).toEqual([report]);
  await expect(services.reports.report(author, given)).rejects.toMatchObject({ rule: 'message.deleted' });
  await expect(services.reports.list(reporter, { ...page, chatId })).rejects.toMatchObject({ code: 'FORBIDDEN' });
  await expect(services.reports.list(moderator, page)).rejects.toMatchObject({ code: 'FORBIDDEN' });
});

it('a report is resolved once, by a moderator, and that is in the audit log with its reason', async () => {
  const { chatId, messageId, moderator, reporter } = await newTeam();
  const { id } = await services.reports.report(reporter, { chatId, messageId, reason: 'spam' });
  await expect(services.reports.resolve(reporter, id, 'dismissed', null)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  const resolved = await services.reports.resolve(moderator, id, 'removed', 'no more of this');
  expect(resolved).toMatchObject({ resolution: 'removed', resolvedBy: moderator.user, resolvedAt: expect.any(Date) });
  expect(await services.reports.resolve(admin, id, 'dismissed', null)).toEqual(resolved);
  expect(await services.reports.list(moderator, { ...page, chatId })).toEqual([]);
  expect(await services.reports.list(moderator, { ...page, chatId, state: 'resolved' })).toEqual([resolved]);
  const { entries } = await services.auditLog.page({ after: 0, first: 100, action: 'report.resolved', chatId });
  expect(entries).toMatchObject([{ actorId: moderator.user?.id, target: id, reason: 'no more of this' }]);
});

it('reports of direct chats are the admins’', async () => {
  const [ann, bob] = [await services.newUser(), await services.newUser()];
  const [author, reporter] = [await services.newViewer(ann), await services.newViewer(bob)];
  const { chatId } = await services.directChats.open(author, bob.id);
  const { id: messageId } = await services.messages.send(author, { chatId, content: 'rude' });
  const { id } = await services.reports.report(reporter, { chatId, messageId, reason: 'other' });
  await expect(services.reports.list(admin, { ...page, chatId })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  expect((await services.reports.list(admin, page)).map((report) => report.id)).toContain(id);
  expect(await services.reports.resolve(admin, id, 'dismissed', null)).toMatchObject({ resolution: 'dismissed' });
});

it('a report is kept for 90 days, whether others are made or not, and longer in a chat on hold', async () => {
  const { chatId, messageId, reporter } = await newTeam();
  const held = await newTeam();
  const old = await services.reports.report(reporter, { chatId, messageId, reason: 'spam' });
  const evidence = await services.reports.report(held.reporter, { ...held, reason: 'illegal' });
  await services.db.pool.query('UPDATE chats SET hold = true WHERE id = $1', [held.chatId]);
  const age = (days: number) =>
    services.db.pool.query('UPDATE reports SET created_at = now() - make_interval(days => $2) WHERE id = ANY ($1)', [
      [old.id, evidence.id],
      days,
    ]);
  const left = async () => {
    expect(await services.reports.forgetOld()).toBe(false);
    const { rows } = await services.db.pool.query('SELECT id FROM reports WHERE id = ANY ($1)', [
      [old.id, evidence.id],
    ]);
    return rows.map(({ id }) => id).sort();
  };
  await age(89);
  expect(await left()).toEqual([old.id, evidence.id].sort());
  await age(91);
  expect(await left()).toEqual([evidence.id]);
});

it('a report outlasts its chat', async () => {
  const { chatId, messageId, moderator, reporter } = await newTeam();
  const { id } = await services.reports.report(reporter, { chatId, messageId, reason: 'illegal' });
  await services.chatChanges.delete(admin, chatId);
  await services.db.pool.query("UPDATE chats SET deleted_at = now() - interval '31 days' WHERE id = $1", [chatId]);
  while (await forgetDeletedChats(services.db));
  expect(await services.db.prisma.chat.findUnique({ where: { id: chatId } })).toBeNull();
  const open = await services.reports.list(admin, page);
  expect(open.find((report) => report.id === id)).toMatchObject({ chatId, content: 'rude' });
  await expect(services.reports.resolve(moderator, id, 'dismissed', null)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  expect(await services.reports.resolve(admin, id, 'removed', null)).toMatchObject({ resolution: 'removed' });
  await services.db.pool.query("UPDATE reports SET created_at = now() - interval '91 days' WHERE id = $1", [id]);
  expect(await services.reports.forgetOld()).toBe(false);
  expect(await services.db.prisma.report.findUnique({ where: { id } })).toBeNull();
});
