import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { InProcessBus } from '../../../src/delivery/in-process-bus.js';
import type { UserProfile } from '../../../src/domain/profile.js';
import type { Viewer } from '../../../src/domain/viewer.js';
import { startOwnServices, startServices, type TestServices } from '../../support/services.js';
import { testDatabaseSource } from '../../support/test-database-source.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let admin: Viewer;
let pair: { ann: Viewer; bob: UserProfile; chatId: string };
beforeAll(async () => {
  services = await startOwnServices({ adminsReadDirectChats: true });
});
afterAll(() => services.close());
beforeEach(async () => {
  admin = await services.newViewer(await services.newUser('admin'));
  const [ann, bob] = [await services.newViewer(await services.newUser()), await services.newUser()];
  const { chatId } = await services.directChats.open(ann, bob.id);
  pair = { ann, bob, chatId };
});

const range = { last: 10 };
const readsOf = async (chatId: string) =>
  (await services.auditLog.page({ after: 0, first: 100, action: 'direct_chat.read', chatId })).entries;

type Read = (chatId: string, by: Viewer, of: Pick<TestServices, 'chats' | 'messagePages'>) => Promise<unknown>;
const READS: [name: string, read: Read][] = [
  ['its head', (id, by, { chats }) => chats.requireHead(by, { id })],
  ['its head by its name', (id, by, { chats }) => chats.requireHead(by, { nameOrId: `dm-${id}` })],
  ['its log', (id, by, { chats }) => chats.requireLog(by, { id })],
  ['it among others', (id, by, { chats }) => chats.reachable(by, [id, crypto.randomUUID()])],
  ['itself', (id, by, { chats }) => chats.find(by, { id })],
  ['its messages', (id, by, { messagePages }) => messagePages.read(by, id.toUpperCase(), range, { senders: true })],
];

describe('an admin who reads other people’s direct chat', () => {
  it.each(READS)('is in the audit log: %s', async (_name, read) => {
    await read(pair.chatId, admin, services);
    expect(await readsOf(pair.chatId)).toMatchObject([
      { actorId: admin.user?.id, clientId: admin.clientId, target: null },
    ]);
  });

  it('is there once an hour, however often and on however many processes, and each admin by themselves', async () => {
    const isServer = testDatabaseSource().kind === 'postgres';
    const options = { adminsReadDirectChats: true };
    const other = isServer ? await startServices(services.database, new InProcessBus(), options) : services;
    const readAll = (by: Viewer) =>
      Promise.all([services, other].flatMap((each) => READS.map(([, read]) => read(pair.chatId, by, each))));
    await readAll(admin);
    await readAll(admin);
    expect(await readsOf(pair.chatId)).toHaveLength(1);
    const second = await services.newViewer(await services.newUser('admin'));
    await readAll(second);
    expect((await readsOf(pair.chatId)).map(({ actorId }) => actorId)).toEqual([admin.user?.id, second.user?.id]);
    // Nothing is remembered by a process that is new, and an hour is over.
    await services.db.pool.query("UPDATE audit_log SET at = at - interval '61 minutes' WHERE chat_id = $1", [
      pair.chatId,
    ]);
    const later = await startServices(services.database, new InProcessBus(), options);
    await later.chats.requireHead(admin, { id: pair.chatId });
    expect(await readsOf(pair.chatId)).toHaveLength(3);
    await later.close();
    if (isServer) await other.close();
  });

  it('reads nothing while the log cannot be written', async () => {
    const rule =
      'CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE lock_not_available; END $$';
    await services.db.pool.query(rule);
    await services.db.pool.query(
      'CREATE TRIGGER refused BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION refuse()',
    );
    try {
      for (const [, read] of READS) await expect(read(pair.chatId, admin, services)).rejects.toThrow();
    } finally {
      await services.db.pool.query('DROP TRIGGER refused ON audit_log');
      await services.db.pool.query('DROP FUNCTION refuse()');
    }
    expect(await readsOf(pair.chatId)).toEqual([]);
  });
});

it('its two members, who may be admins, and readers of groups are not in the log', async () => {
  const { ann, chatId } = pair;
  const own = await services.directChats.open(admin, pair.bob.id);
  const { id: group } = await services.newChat(pair.bob);
  for (const [, read] of READS.filter(([name]) => !name.includes('name'))) {
    await read(chatId, ann, services);
    await read(own.chatId, admin, services);
    await read(group, admin, services);
  }
  for (const id of [chatId, own.chatId, group]) expect(await readsOf(id)).toEqual([]);
});
