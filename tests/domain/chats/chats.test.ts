import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startOwnServices, viewerOf } from '../../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
beforeAll(async () => {
  services = await startOwnServices();
});
afterAll(() => services.close());

describe('creating a chat', () => {
  it.each(['g', 'General talk', '用户 чат', '🎈'.repeat(100), "it's 100% #1?"])('takes the name %j', async (name) => {
    expect(await services.chats.create(name)).toMatchObject({ name, lastSeq: 0 });
    const admin = viewerOf(await services.newUser('admin'));
    expect(await services.chats.find(admin, { name })).toMatchObject({ name });
  });

  it.each(['', ' ', '.', '..', 'a/b', 'a\nb', 'a\0b', 'a\u007fb', '\ud800', 'x'.repeat(101), '🎈'.repeat(101)])(
    'refuses the name %j',
    async (name) => {
      await expect(services.chats.create(name)).rejects.toMatchObject({ code: 'BAD_USER_INPUT', field: 'name' });
    },
  );

  const id = '0197D1a2-0000-7000-8000-00000000000f';

  it.each([id, id.toLowerCase(), `dm-${id}`, `DM-${id}`, `dm-${'-'.repeat(36)}`, `dm-${'0'.repeat(36)}`])(
    'refuses the name %j, which an id or a direct chat could have',
    async (name) => {
      await expect(services.chats.create(name)).rejects.toMatchObject({ code: 'BAD_USER_INPUT', field: 'name' });
    },
  );

  it.each([`${id}0`, `chat ${id}`, `dm-${id}0`, 'dm-ann', `dm ${id}`])('takes the name %j', async (name) => {
    expect(await services.chats.create(name)).toMatchObject({ name, kind: 'group' });
  });

  it.each([
    ['Lobby', 'LOBBY'],
    ['Straße', 'STRASSE'],
    ['Ναός', 'ΝΑΌΣ'],
    ['caf\u00e9', 'CAFE\u0301'],
  ])('takes %j and then %j for the same name', async (first, second) => {
    const chat = await services.chats.create(first);
    await expect(services.chats.create(second)).rejects.toMatchObject({ code: 'CONFLICT', field: 'name' });
    const admin = viewerOf(await services.newUser('admin'));
    expect(await services.chats.find(admin, { name: second })).toMatchObject({ chatId: chat.id });
  });
});

describe('the rule who may reach a chat', () => {
  it('lets its members and admins, and shows strangers, former members and everybody else of an unknown chat the same', async () => {
    const [ann, bob, eve, admin] = [
      await services.newUser(),
      await services.newUser(),
      await services.newUser(),
      await services.newUser('admin'),
    ];
    const chat = await services.newChat(ann, bob);
    await services.memberships.remove(admin, chat.id, bob.id);
    const reach = (user: typeof ann) => services.chats.find(viewerOf(user), { id: chat.id });
    expect(
      [await reach(ann), await reach(admin), await reach(bob), await reach(eve)].map((found) => found?.chatId ?? null),
    ).toEqual([chat.id, chat.id, null, null]);
    const refusals = await Promise.allSettled([
      services.chats.requireHead(viewerOf(eve), { id: chat.id }),
      services.chats.requireHead(viewerOf(eve), { id: crypto.randomUUID() }),
      services.chats.requireHead(viewerOf(eve), { id: "'; drop table chats" }),
      services.chats.requireHead(viewerOf(eve), { name: chat.name }),
      services.chats.requireHead(viewerOf(eve), { name: 'none\0' }),
    ]);
    const texts = refusals.map((result) =>
      result.status === 'rejected' ? `${result.reason.code} ${result.reason.message}` : '',
    );
    expect(new Set(texts)).toEqual(new Set(['NOT_FOUND There is no such chat, or you are not a member of it.']));
  });

  it('is asked for many at once, each for itself, by ids and by names', async () => {
    const [ann, bob, admin] = [await services.newUser(), await services.newUser(), await services.newUser('admin')];
    const [both, anns] = [await services.newChat(ann, bob), await services.newChat(ann)];
    const questions = [ann, bob, admin].flatMap((user) =>
      [both, anns, { id: crypto.randomUUID(), name: 'nowhere' }].flatMap(({ id, name }) =>
        [{ id }, { name: name.toUpperCase() }, { id: 'no id' }, { name: '\0' }].map((chat) => ({ user, chat })),
      ),
    );
    const answers = await Promise.all(
      questions.map(({ user, chat }) =>
        services.chats.requireHead(viewerOf(user), chat).catch((error: { code: string }) => error.code),
      ),
    );
    const heads = await Promise.all(
      [both, anns].map(async ({ id, name }) => ({ ...(await services.chatLog.heads([id]))[0], name })),
    );
    const [toBoth, toAnns] = heads.map((head) => [head, head, 'NOT_FOUND', 'NOT_FOUND']);
    const nowhere = Array(4).fill('NOT_FOUND');
    expect(answers).toEqual([toBoth, toAnns, nowhere, toBoth, nowhere, nowhere, toBoth, toAnns, nowhere].flat());
  });

  it('asks for a user', async () => {
    await expect(services.chats.find(null, { name: 'x' })).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    await expect(services.chats.find(viewerOf(null), { name: 'x' })).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });
});

describe('memberships', () => {
  it('are numbered changes of the chat; repeating one changes nothing', async () => {
    const [admin, ann] = [await services.newUser('admin'), await services.newUser()];
    const chat = await services.newChat();
    const first = await services.memberships.add(admin, chat.id, ann.id);
    const again = await services.memberships.add(admin, chat.id, ann.id);
    expect(again).toEqual(first);
    expect(await services.memberships.remove(admin, chat.id, ann.id)).toBe(true);
    expect(await services.memberships.remove(admin, chat.id, ann.id)).toBe(false);
    const [head] = await services.chatLog.heads([chat.id]);
    if (!head) throw new Error('The chat has no head.');
    const { events } = await services.chatLog.page(head, 0, 10);
    expect(events).toMatchObject([
      { seq: 1, type: 'member.added', actor: admin, member: { user: ann, joinedAt: first.joinedAt.toISOString() } },
      { seq: 2, type: 'member.removed', actor: admin, user: ann },
    ]);
  });

  it('of an unknown chat or user are NOT_FOUND, naming which', async () => {
    const [ann, chat] = [await services.newUser(), await services.newChat()];
    const unknown = crypto.randomUUID();
    for (const id of [unknown, 'nonsense']) {
      for (const change of ['add', 'remove'] as const) {
        await expect(services.memberships[change](null, id, ann.id)).rejects.toMatchObject({
          code: 'NOT_FOUND',
          field: 'chatId',
        });
        await expect(services.memberships[change](null, chat.id, id)).rejects.toMatchObject({
          code: 'NOT_FOUND',
          field: 'userId',
        });
      }
    }
    expect((await services.chatLog.heads([chat.id]))[0]?.seq).toBe(0);
  });
});

describe('reading messages', () => {
  it('gives the newest of a range, oldest first', async () => {
    const ann = await services.newUser();
    const chat = await services.newChat(ann);
    for (let index = 2; index <= 9; index += 1)
      await services.messages.send(viewerOf(ann), { chatId: chat.id, content: `m${index}` });
    const seqs = async (range: Parameters<typeof services.chatLog.messages>[1]) =>
      (await services.chatLog.messages(chat.id, range)).map((message) => message.seq);
    expect(await seqs({ last: 3 })).toEqual([7, 8, 9]);
    expect(await seqs({ last: 3, before: 7 })).toEqual([4, 5, 6]);
    expect(await seqs({ last: 100, after: 6 })).toEqual([7, 8, 9]);
    expect(await seqs({ last: 2, after: 3, before: 8 })).toEqual([6, 7]);
    expect(await seqs({ last: 2, after: 9 })).toEqual([]);
  });
});
