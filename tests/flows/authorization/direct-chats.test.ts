import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { requireUser } from '../../../src/domain/viewer.js';
import { StreamRefused } from '../../support/frame-queue.js';
import { startTeam } from '../../support/service.js';
import { PASSWORD } from '../../support/services.js';
import { MATRIX, type Row } from './matrix.js';
import { describeAnswer, signalFor, type World } from './world.js';

/** A service with a direct chat in which everything happens that can happen there, and an admin who is not one of its two members. */
async function startDirectWorld(environment: NodeJS.ProcessEnv = {}) {
  const team = await startTeam(1, environment);
  const { services, db } = team.first.app;
  const newUser = async (username: string) => (await services.users.create({ username, password: PASSWORD })).id;
  const [member, other, stranger, friend] = [
    await newUser('member'),
    await newUser('other'),
    await newUser('stranger'),
    await newUser('friend'),
  ];
  const token = await team.signIn('member');
  const sender = await services.tokens.authenticate(token);
  if (!sender) throw new Error('No viewer was authenticated.');
  const { chatId } = await services.directChats.open(sender, other);
  const send = async (content: string, more: object = {}) => {
    const { id: messageId } = await services.messages.send(sender, { chatId, content, ...more });
    return { chatId, messageId };
  };
  const [first, edited, deleted] = [await send('first', { nonce: 'n' }), await send('edited'), await send('deleted')];
  await send('reply', { thread: first.messageId, mentions: [other] });
  await services.reactions.add(sender, { ...first, emoji: '👍' });
  await services.messageChanges.edit(sender, { ...edited, content: 'edited twice' });
  await services.messageChanges.pin(sender, edited);
  await services.messageChanges.pin(sender, deleted);
  await services.messageChanges.unpin(sender, deleted);
  await services.messageChanges.delete(sender, deleted);
  await vi.waitFor(async () => expect(await db.prisma.reactionDirty.count()).toBe(0));
  const { epoch } = await db.prisma.chat.findUniqueOrThrow({ where: { id: chatId } });
  const ids: World['ids'] = {
    ...{ chat: chatId, epoch, member, stranger, friend, root: first.messageId },
    ...{ first: first.messageId, edited: edited.messageId, deleted: deleted.messageId },
    everybody: JSON.stringify([member, stranger, friend]),
    robot: friend,
    ...{ code: '', link: '', report: '' },
    ...{ beginning: '', ended: '', endedEpoch: '' },
  };
  return { team, ids, sender, memberToken: token, admin: await team.signIn('admin') };
}

type DirectWorld = Awaited<ReturnType<typeof startDirectWorld>>;

/** What to compare before and after: nothing may have changed the chat. */
async function stateOf({ team, ids }: DirectWorld) {
  const { db } = team.first.app;
  return {
    chat: await db.prisma.chat.findUnique({ where: { id: ids.chat } }),
    members: await db.prisma.chatMembership.findMany({ where: { chatId: ids.chat }, orderBy: { userId: 'asc' } }),
    reactions: await db.prisma.reaction.count({ where: { chatId: ids.chat } }),
    revisions: await db.prisma.messageRevision.findMany({ where: { chatId: ids.chat } }),
    follows: await db.prisma.threadFollow.count({ where: { chatId: ids.chat } }),
  };
}

const PLACEHOLDERS: World['ids'] = {
  ...{ chat: '<chat>', epoch: '<epoch>', member: '<member>', stranger: '<stranger>', friend: '<friend>' },
  robot: '<robot>',
  ...{ code: '<code>', link: '<link>', report: '<report>' },
  ...{ first: '<first>', edited: '<edited>', deleted: '<deleted>', root: '<root>' },
  everybody: '[]',
  ...{ beginning: '', ended: '', endedEpoch: '' },
};

/** The rows of the matrix that are about one chat. */
const ABOUT_A_CHAT = Object.entries(MATRIX).filter(([, row]) => row.document(PLACEHOLDERS, '').includes('<chat>'));
const isChange = (field: string) => field.startsWith('Mutation.');
const [CHANGES, READS] = [
  ABOUT_A_CHAT.filter(([field]) => isChange(field)),
  ABOUT_A_CHAT.filter(([field]) => !isChange(field)),
];

/** The answer to a query or a mutation; how a subscription ends that is refused, or that it brings something. */
async function ask(world: DirectWorld, token: string, { document }: Row): Promise<string> {
  const { team, ids, sender } = world;
  const query = document(ids, token);
  if (!query.startsWith('subscription')) {
    const { data, codes } = await team.first.query(token, query);
    return describeAnswer(data, codes);
  }
  const subscription = team.first.subscribe(token, query);
  let end: unknown;
  const ended = subscription.ended.then((reason) => {
    end = reason;
  });
  const { services } = team.first.app;
  while (end === undefined && subscription.events.length === 0) {
    services.signals.publish(ids.chat, signalFor(query, requireUser(sender), ids.root));
    await speak(world);
  }
  subscription.end();
  await ended;
  return subscription.events.length > 0 ? 'ok' : String(end);
}

function speak({ team, ids, sender }: DirectWorld) {
  return team.first.app.services.messages.send(sender, { chatId: ids.chat, content: 'news' });
}

it('finds rows that read and rows that change', () => {
  expect(READS.length).toBeGreaterThan(50);
  expect(CHANGES.length).toBeGreaterThan(12);
});

describe('an admin who is not one of the two', () => {
  let world: DirectWorld;
  beforeAll(async () => {
    world = await startDirectWorld();
  });
  afterAll(() => world.team.close());

  it.each(READS)('reads as little as a stranger: %s', async (_field, row) => {
    expect(await ask(world, world.admin, row)).toBe(row.answers.stranger);
  });

  it.each(CHANGES)('changes nothing, and is told that there is no such chat: %s', async (_field, row) => {
    const before = await stateOf(world);
    expect(await ask(world, world.admin, row)).toBe('NOT_FOUND');
    expect(await stateOf(world)).toEqual(before);
  });

  it('reads a report of a message in it, with the copy and without the chat, and resolves it', async () => {
    const { team, ids, sender, admin } = world;
    const { services } = team.first.app;
    const { id } = await services.reports.report(sender, { chatId: ids.chat, messageId: ids.first, reason: 'abuse' });
    const fields = 'id chatId chat { id } content sender { id }';
    const report = { id, chatId: ids.chat, chat: null, content: 'first', sender: { id: ids.member } };
    expect(await team.first.query(admin, `{ reports { ${fields} } }`)).toMatchObject({
      ...{ codes: [], data: { reports: [report] } },
    });
    const resolve = `mutation { resolveReport(id: "${id}", resolution: dismissed) { ${fields} } }`;
    expect(await team.first.query(admin, resolve)).toMatchObject({ codes: [], data: { resolveReport: report } });
    const own = `mutation { reportMessage(chatId: "${ids.chat}", messageId: "${ids.edited}", reason: spam) { chat { id } } }`;
    expect((await team.first.query(world.memberToken, own)).data).toEqual({
      reportMessage: { chat: { id: ids.chat } },
    });
  });

  it('does not find it in lists, nor by its name', async () => {
    const query = '{ chats { id } mentions { id } }';
    expect((await world.team.first.query(world.admin, query)).data).toEqual({ chats: [], mentions: [] });
    const byName = `{ chat(name: "dm-${world.ids.chat}") { id } }`;
    expect((await world.team.first.query(world.admin, byName)).data).toEqual({ chat: null });
    const group = await world.team.first.app.services.chats.create('group');
    expect((await world.team.first.query(world.admin, '{ chats { id } }')).data).toEqual({ chats: [{ id: group.id }] });
  });

  it.each([
    ['channel', 'name'],
    ['channel', 'id'],
    ['events', 'name'],
    ['events', 'id'],
  ] as const)('opens no stream, as of no chat: %s by its %s', async (transport, by) => {
    const refusalOf = async (path: string) => {
      const refusal = await world.team.first[transport](world.admin, path).catch((error: unknown) => error);
      if (!(refusal instanceof StreamRefused)) throw new Error('The stream was not refused.');
      return { status: refusal.status, body: refusal.body };
    };
    const refusal = await refusalOf(by === 'id' ? world.ids.chat : `dm-${world.ids.chat}`);
    expect(refusal.status).toBe(404);
    expect(refusal).toEqual(await refusalOf(crypto.randomUUID()));
  });

  it('is one of the two elsewhere, and then has what a member has', async () => {
    const { first } = world.team;
    const open = `mutation { openDirectChat(userId: "${world.ids.member}") { id kind viewerCan members { role } } }`;
    const { data } = await first.query(world.admin, open);
    expect(data).toEqual({
      openDirectChat: {
        id: expect.any(String),
        kind: 'direct',
        viewerCan: [
          ...[
            'read',
            'markRead',
            'report',
            'leave',
            'react',
            'send',
            'reply',
            'upload',
            'type',
            'edit',
            'delete',
            'pin',
          ],
        ],
        members: [{ role: 'member' }, { role: 'member' }],
      },
    });
    const opened = data as { openDirectChat: { id: string } };
    const own = opened.openDirectChat.id;
    expect((await first.query(world.admin, `{ chat(id: "${own}") { id } }`)).data).toEqual({ chat: { id: own } });
    const message = `mutation { sendMessage(chatId: "${own}", content: "hi") { viewerCan } }`;
    expect((await first.query(world.memberToken, message)).codes).toEqual([]);
    const query = `{ messages(chatId: "${own}") { viewerCan } }`;
    expect((await first.query(world.admin, query)).data).toEqual({
      messages: [{ viewerCan: ['reply', 'react', 'pin', 'report'] }],
    });
  });
});

describe('an admin who is not one of the two, where ADMINS_READ_DIRECT_CHATS is on', () => {
  let world: DirectWorld;
  beforeAll(async () => {
    world = await startDirectWorld({ ADMINS_READ_DIRECT_CHATS: 'on' });
  });
  afterAll(() => world.team.close());

  /** Earlier versions are for who sent the message, and who may delete it: nobody else in a direct chat. */
  const isHistory = (field: string) => field === 'Message.history' || field.startsWith('MessageRevision.');

  /** Hooks are for who could make one: nobody in a direct chat. */
  const isOfHooks = (field: string) => field === 'Query.incomingHooks' || field.startsWith('IncomingHook.');
  /** Nobody moderates a direct chat or invites to it: it has no bans and no links, and what others may do there is not explained. */
  const isModeration = (field: string) =>
    /^(Ban|AccessExplanation|AccessStep|InviteLink|Report|Query\.(bans|reports|explainAccess|inviteLinks))\b/.test(
      field,
    );

  it.each(READS)('reads: %s', async (field, row) => {
    if (isModeration(field)) return expect(await ask(world, world.admin, row)).toBe('NOT_FOUND');
    // What does not happen in a direct chat, and what an admin has not in any chat, is null.
    const expected = isHistory(field) ? ['FORBIDDEN'] : isOfHooks(field) ? ['NOT_FOUND'] : ['ok', 'null'];
    expect(expected).toContain(await ask(world, world.admin, row));
  });

  it('reads messages and events, and may do nothing else', async () => {
    const { chat, epoch } = world.ids;
    const query = `{ chat(id: "${chat}") { kind viewerCan lastMessage { content viewerCan } }
      chatEvents(chatId: "${chat}", after: "${epoch}:0", limit: 3) { events { __typename } }
      threads(chatId: "${chat}") { replyCount } messages(chatId: "${chat}", last: 100, before: 5) { content } chats { id } }`;
    const { data, codes } = await world.team.first.query(world.admin, query);
    expect(codes).toEqual([]);
    expect(data).toEqual({
      chat: { kind: 'direct', viewerCan: ['read'], lastMessage: { content: expect.any(String), viewerCan: [] } },
      chatEvents: {
        events: [{ __typename: 'MemberAdded' }, { __typename: 'MemberAdded' }, { __typename: 'MessageCreated' }],
      },
      threads: [{ replyCount: 1 }],
      messages: [{ content: 'first' }, { content: 'edited twice' }],
      chats: [{ id: chat }],
    });
  });

  it('is in the audit log with each direct chat that was read, and once an hour', async () => {
    const { services } = world.team.first.app;
    const { entries } = await services.auditLog.page({ after: 0, first: 100, action: 'direct_chat.read' });
    expect(entries).toMatchObject([{ chatId: world.ids.chat, target: null, actorId: expect.any(String) }]);
  });

  it.each(CHANGES)('changes nothing: %s', async (field, row) => {
    const before = await stateOf(world);
    // As in a group that the admin is no member of.
    const expected = field === 'Mutation.followThread' ? 'FORBIDDEN' : 'NOT_FOUND';
    expect(await ask(world, world.admin, row)).toBe(expected);
    expect(await stateOf(world)).toEqual(before);
  });

  it.each(['name', 'id'])('hears on a raw channel by its %s, and says nothing there', async (by) => {
    const { team, ids } = world;
    const { chat, edited } = ids;
    const channel = await team.first.channel(world.admin, by === 'id' ? chat : `dm-${chat}`);
    await channel.next('live');
    await speak(world);
    expect(await channel.next('message.created')).toMatchObject({ message: { content: 'news' } });
    for (const frame of [
      { type: 'message.send', content: 'hi' },
      { type: 'message.edit', messageId: edited, content: 'x' },
      { type: 'message.delete', messageId: edited },
      { type: 'pin', messageId: edited },
      { type: 'unpin', messageId: edited },
      { type: 'reaction.add', messageId: edited, emoji: '👍' },
      { type: 'reaction.remove', messageId: edited, emoji: '👍' },
    ]) {
      channel.send({ id: frame.type, ...frame });
      expect(await channel.next('error')).toMatchObject({ id: frame.type, code: 'NOT_FOUND' });
    }
    await channel.close();
  });

  it.each(['name', 'id'])('hears on an event stream by its %s', async (by) => {
    const { team, ids } = world;
    const stream = await team.first.events(world.admin, by === 'id' ? ids.chat : `dm-${ids.chat}`);
    await stream.next('live');
    await speak(world);
    expect(await stream.next('message.created')).toMatchObject({ message: { content: 'news' } });
    await stream.close();
  });

  it('hears nothing more when they are no admin any more', async () => {
    const { services } = world.team.first.app;
    const { id } = await services.users.create({ username: 'second', password: PASSWORD, role: 'admin' });
    const token = await world.team.signIn('second');
    const channel = await world.team.first.channel(token, world.ids.chat);
    await channel.next('live');
    const subscription = world.team.first.subscribe(
      token,
      `subscription { chatEvents(chatId: "${world.ids.chat}") { seq } }`,
    );
    while (subscription.events.length === 0) await speak(world);
    await services.users.update(id, { role: 'user' });
    expect(await channel.closed).toMatchObject({ code: 4410 });
    expect(await subscription.ended).toBe('NOT_FOUND');
    subscription.end();
  });
});
