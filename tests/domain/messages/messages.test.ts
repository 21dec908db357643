import fc from 'fast-check';
import { validate, version } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InProcessBus } from '../../../src/delivery/in-process-bus.js';
import { rightOf } from '../../../src/domain/chats/rights.js';
import type { ChatMessage } from '../../../src/domain/log/chat-message.js';
import { assertProperty } from '../../support/property.js';
import { startOwnServices, startServices, type TestServices, viewerOf } from '../../support/services.js';

type OwnServices = Awaited<ReturnType<typeof startOwnServices>>;

let one: OwnServices;
/** A second process on the same database, which has a pool and a writer of its own. */
let two: TestServices;

beforeAll(async () => {
  one = await startOwnServices();
  two = await startServices(one.database, new InProcessBus());
});

afterAll(async () => {
  await two.close();
  await one.close();
});

const outcomeOf = (send: Promise<ChatMessage>) =>
  send.then(
    (message) => message,
    (error: { code: string }) => error.code,
  );

describe('sending a message', () => {
  it('gives the content trimmed, its number, its sender and its time', async () => {
    const ann = await one.newUser();
    const chat = await one.newChat(ann);
    const message = await one.messages.send(viewerOf(ann), { chatId: chat.id, content: '  hi \n', nonce: 'n1' });
    expect(message).toMatchObject({ chatId: chat.id, seq: 2, content: 'hi', nonce: 'n1', sender: ann });
    expect(await one.chatLog.messages(chat.id, { last: 10 })).toEqual([message]);
  });

  it.each([
    ['content', '', 'content must have 1 to 4000 characters.'],
    ['content', ' \n\t ', 'content must have 1 to 4000 characters.'],
    ['content', 'x'.repeat(4001), 'content must have 1 to 4000 characters.'],
    ['content', 'a\0b', 'content must not contain U+0000.'],
    ['content', 'a\ud800b', 'content must be well-formed Unicode: it has a lone surrogate.'],
    ['nonce', '', 'nonce must have 1 to 128 characters.'],
    ['nonce', 'n'.repeat(129), 'nonce must have 1 to 128 characters.'],
    ['nonce', '\0', 'nonce must not contain U+0000.'],
  ])('refuses a bad %s (%j) and says the rule', async (field, value, message) => {
    const ann = await one.newUser();
    const chat = await one.newChat(ann);
    const input = { chatId: chat.id, content: 'hi', [field]: value };
    await expect(one.messages.send(viewerOf(ann), input)).rejects.toMatchObject({
      code: 'BAD_USER_INPUT',
      field,
      message,
    });
    expect(await one.chatLog.messages(chat.id, { last: 10 })).toEqual([]);
  });

  it('reads what it needs by key, though a plan made for small tables would read them whole', async () => {
    const [ann, sends] = [await one.newUser(), 10];
    const chat = await one.newChat(ann);
    const client = await one.db.pool.connect();
    try {
      await client.query('BEGIN');
      const send = (nonce: string) =>
        client.query('SELECT append_messages(ARRAY[$1::uuid], ARRAY[$2::uuid], ARRAY[$3::uuid], $4, $5, 50, $6, $7)', [
          ...[crypto.randomUUID(), chat.id, ann.id],
          ...[['hi'], [nonce], 'member', 'moderator'],
        ]);
      // The plan is made here.
      await send('first');
      // The session may have read for others a moment ago.
      const counted = async () =>
        (
          await client.query<{ relname: string; scans: number; rows_read: number }>(
            `SELECT relname, seq_scan::int AS scans, idx_tup_fetch::int AS rows_read FROM pg_stat_xact_user_tables
             WHERE relname IN ('messages', 'chats', 'users', 'chat_memberships') ORDER BY relname`,
          )
        ).rows;
      const before = await counted();
      await client.query(
        `INSERT INTO users (id, username) SELECT gen_random_uuid(), 'many' || i FROM generate_series(1, 2000) i`,
      );
      for (let count = 0; count < sends; count += 1) await send(`nonce ${count}`);
      const after = await counted();
      expect(after).toHaveLength(4);
      for (const [index, { relname, scans, rows_read }] of after.entries()) {
        expect(scans - (before[index]?.scans ?? 0), relname).toBe(0);
        expect(rows_read - (before[index]?.rows_read ?? 0), relname).toBeLessThan(10 * sends);
      }
    } finally {
      await client.query('ROLLBACK');
      client.release();
    }
  });

  it('counts code points: 4000 emoji are 4000 characters', async () => {
    const ann = await one.newUser();
    const chat = await one.newChat(ann);
    const content = '🎈'.repeat(4000);
    expect((await one.messages.send(viewerOf(ann), { chatId: chat.id, content })).content).toBe(content);
  });

  it('answers a stranger, a former member and an unknown chat alike, and lets an admin write', async () => {
    const [ann, bob, eve, admin] = [
      await one.newUser(),
      await one.newUser(),
      await one.newUser(),
      await one.newUser('admin'),
    ];
    const chat = await one.newChat(ann, bob);
    await one.memberships.remove(null, chat.id, bob.id);
    const refusals = await Promise.all(
      [
        one.messages.send(viewerOf(eve), { chatId: chat.id, content: 'x' }),
        one.messages.send(viewerOf(bob), { chatId: chat.id, content: 'x' }),
        one.messages.send(viewerOf(ann), { chatId: crypto.randomUUID(), content: 'x' }),
        one.messages.send(viewerOf(ann), { chatId: 'nonsense', content: 'x' }),
      ].map((send) => send.catch((error: Error) => `${Reflect.get(error, 'code')} ${error.message}`)),
    );
    expect(new Set(refusals)).toEqual(new Set(['NOT_FOUND There is no such chat, or you are not a member of it.']));
    expect((await one.messages.send(viewerOf(admin), { chatId: chat.id, content: 'x' })).seq).toBe(4);
  });

  it('gives each an id that is a UUIDv7 and ends in its number, the same in the answer, in the log and when repeated', async () => {
    const ann = await one.newUser();
    const chat = await one.newChat(ann);
    const send = (nonce: string) => one.messages.send(viewerOf(ann), { chatId: chat.id, content: 'x', nonce });
    const sent = await Promise.all(Array.from({ length: 20 }, (_, index) => send(`n${index}`)));
    const repeated = await send('n7');
    for (const { id, seq } of sent) {
      expect(validate(id) && version(id)).toBe(7);
      expect(Number.parseInt(id.slice(-8), 16)).toBe(seq);
    }
    const logged = await one.chatLog.messages(chat.id, { last: 100 });
    expect(new Map(logged.map(({ seq, id }) => [seq, id]))).toEqual(new Map(sent.map(({ seq, id }) => [seq, id])));
    expect(repeated.id).toBe(sent[7]?.id);
  });

  it('refuses a member whose account was deactivated', async () => {
    const ann = await one.newUser();
    const chat = await one.newChat(ann);
    await one.users.update(ann.id, { isActive: false });
    await expect(one.messages.send(viewerOf(ann), { chatId: chat.id, content: 'x' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });

  it('lets one bad message fail alone among those written together', async () => {
    const [ann, eve] = [await one.newUser(), await one.newUser()];
    const chat = await one.newChat(ann);
    const sends = Array.from({ length: 50 }, (_, index) => {
      const bad = index % 10 === 3;
      return outcomeOf(one.messages.send(viewerOf(bad ? eve : ann), { chatId: chat.id, content: `m${index}` }));
    });
    const outcomes = await Promise.all(sends);
    expect(outcomes.filter((outcome) => outcome === 'NOT_FOUND')).toHaveLength(5);
    const written = outcomes.filter((outcome) => typeof outcome !== 'string');
    expect(written.map((message) => message.seq)).toEqual(Array.from({ length: 45 }, (_, index) => index + 2));
  });

  it('answers for chats that do not exist beside those that do, and takes no number for them', async () => {
    const [ann, eve] = [await one.newUser(), await one.newUser()];
    const chat = await one.newChat(ann);
    // First and last in the order of ids, two of each.
    const nowhere = ['00000000-0000-4000-8000-00000000000', 'ffffffff-ffff-4fff-bfff-fffffffffff'];
    const unknown = nowhere.flatMap((id) => [`${id}0`, `${id}1`]);
    const outcomes = await Promise.all(
      [ann, eve].flatMap((user) =>
        [chat.id, ...unknown].map((chatId) => outcomeOf(one.messages.send(viewerOf(user), { chatId, content: 'hi' }))),
      ),
    );
    expect(outcomes).toEqual([expect.objectContaining({ chatId: chat.id, seq: 2 }), ...Array(9).fill('NOT_FOUND')]);
    expect((await one.chatLog.heads([chat.id]))[0]?.seq).toBe(2);
  });

  it('writes nothing for a send that is refused or repeated: the chat’s row stays the same', async () => {
    const [ann, bob, eve] = [await one.newUser(), await one.newUser(), await one.newUser()];
    const chat = await one.newChat(ann, bob);
    await one.messages.send(viewerOf(ann), { chatId: chat.id, content: 'hi', nonce: 'n' });
    await one.users.update(bob.id, { isActive: false });
    const rowOf = async () =>
      (await one.db.pool.query('SELECT xmin::text, xmax::text, ctid::text FROM chats WHERE id = $1', [chat.id])).rows;
    const before = await rowOf();
    const send = (user: typeof ann, content: string, nonce?: string) =>
      outcomeOf(one.messages.send(viewerOf(user), { chatId: chat.id, content, nonce }));
    const outcomes = await Promise.all([
      ...[send(eve, 'x'), send(eve, 'x', 'n'), send(bob, 'x'), send(ann, 'hi', 'n'), send(ann, 'other', 'n')],
    ]);
    expect(outcomes).toEqual([
      ...['NOT_FOUND', 'NOT_FOUND', 'NOT_FOUND'],
      expect.objectContaining({ content: 'hi', seq: 3 }),
      'NONCE_REUSED',
    ]);
    expect(await rowOf()).toEqual(before);
  });

  it('writes a chat’s row once for what is created, whatever is refused or repeated beside it', async () => {
    const [ann, eve] = [await one.newUser(), await one.newUser()];
    const chat = await one.newChat(ann);
    await one.messages.send(viewerOf(ann), { chatId: chat.id, content: 'hi', nonce: 'n' });
    // How often each transaction writes it: an attempt that is rolled back, and made again, leaves nothing there.
    await one.db.pool.query(`
      CREATE TABLE chat_writes (transaction bigint);
      CREATE FUNCTION note_chat_write() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO chat_writes VALUES (txid_current()); RETURN NULL; END $$;
      CREATE TRIGGER note_chat_write AFTER UPDATE ON chats FOR EACH ROW EXECUTE FUNCTION note_chat_write()`);
    try {
      const send = (user: typeof ann, content: string, nonce?: string) =>
        outcomeOf(one.messages.send(viewerOf(user), { chatId: chat.id, content, nonce }));
      const outcomes = await Promise.all([
        ...[send(ann, 'one'), send(eve, 'x'), send(ann, 'hi', 'n'), send(ann, 'two'), send(eve, 'x'), send(eve, 'x')],
      ]);
      expect(outcomes).toEqual([
        expect.objectContaining({ seq: 3 }),
        'NOT_FOUND',
        expect.objectContaining({ seq: 2 }),
        expect.objectContaining({ seq: 4 }),
        'NOT_FOUND',
        'NOT_FOUND',
      ]);
      const { rows } = await one.db.pool.query('SELECT count(*)::int AS writes FROM chat_writes GROUP BY transaction');
      expect(new Set(rows.map(({ writes }) => writes))).toEqual(new Set([1]));
    } finally {
      await one.db.pool.query('DROP FUNCTION note_chat_write CASCADE; DROP TABLE chat_writes');
    }
    expect((await one.chatLog.heads([chat.id]))[0]?.seq).toBe(4);
  });

  it('tells a sender who became a reader of what was stored before, and refuses what is new', async () => {
    const ann = await one.newUser();
    const chat = await one.newChat(ann);
    const send = (content: string, nonce: string) =>
      outcomeOf(one.messages.send(viewerOf(ann), { chatId: chat.id, content, nonce }));
    const stored = await send('hi', 'n');
    await one.memberships.setRole(null, chat.id, ann.id, 'reader');
    expect(await Promise.all([send('hi', 'n'), send('other', 'n'), send('hi', 'new'), send('hi', 'n')])).toEqual([
      ...[stored, 'NONCE_REUSED', 'FORBIDDEN', stored],
    ]);
    await one.memberships.remove(null, chat.id, ann.id);
    expect(await send('hi', 'n')).toBe('NOT_FOUND');
  });

  it('refuses who was removed while the send waited for the chat', async () => {
    const ann = await one.newUser();
    const chat = await one.newChat(ann);
    const client = await one.db.pool.connect();
    try {
      await client.query('BEGIN');
      await client.query('SELECT outcome FROM remove_chat_member($1, $2, NULL, NULL, $3)', [
        ...[chat.id, ann.id, rightOf('remove', null)],
      ]);
      const send = outcomeOf(one.messages.send(viewerOf(ann), { chatId: chat.id, content: 'x' }));
      // It has left its turn of the event loop by then; on a database of one session it waits in the queue.
      await new Promise((resolve) => setImmediate(resolve));
      await client.query('COMMIT');
      expect(await send).toBe('NOT_FOUND');
      expect((await one.chatLog.heads([chat.id]))[0]?.seq).toBe(2);
    } finally {
      client.release();
    }
  });

  it('fails a message that the database refuses alone, also beside others of its chat', async () => {
    const [ann, bob] = [await one.newUser(), await one.newUser()];
    const [chat, other] = [await one.newChat(ann), await one.newChat(bob)];
    await one.db.pool.query(`ALTER TABLE messages ADD CONSTRAINT not_bad CHECK (content <> 'bad')`);
    try {
      const contents = ['a', 'bad', 'b', 'c'];
      const sends = contents.map((content) => one.messages.send(viewerOf(ann), { chatId: chat.id, content }));
      const beside = one.messages.send(viewerOf(bob), { chatId: other.id, content: 'd' });
      const settled = await Promise.allSettled([...sends, beside]);
      expect(settled.map(({ status }) => status)).toEqual(
        contents.map((content) => (content === 'bad' ? 'rejected' : 'fulfilled')).concat('fulfilled'),
      );
      const stored = await one.chatLog.messages(chat.id, { last: 10 });
      expect(stored.map(({ content }) => content)).toEqual(['a', 'b', 'c']);
    } finally {
      await one.db.pool.query('ALTER TABLE messages DROP CONSTRAINT not_bad');
    }
  });

  it('does not let one sender’s thousands delay another’s message by more than two batches', async () => {
    const [ann, bob] = [await one.newUser(), await one.newUser()];
    const [chat, other] = [await one.newChat(ann), await one.newChat(bob)];
    let answered = 0;
    const many = Array.from({ length: 2000 }, (_, index) =>
      outcomeOf(one.messages.send(viewerOf(ann), { chatId: chat.id, content: `m${index}` })).then(() => {
        answered += 1;
      }),
    );
    await one.messages.send(viewerOf(bob), { chatId: other.id, content: 'hi' });
    expect(answered).toBeLessThanOrEqual(400);
    await Promise.all(many);
  }, 20_000);

  it('keeps the order in which one sender sent', async () => {
    const ann = await one.newUser();
    const chat = await one.newChat(ann);
    const contents = Array.from({ length: 500 }, (_, index) => `m${index}`);
    await Promise.all(contents.map((content) => one.messages.send(viewerOf(ann), { chatId: chat.id, content })));
    const stored = await one.chatLog.messages(chat.id, { last: 500 });
    expect(stored.map((message) => message.content)).toEqual(contents);
  });

  it('answers each of those written together for itself, whichever chats they are for', async () => {
    const ann = await one.newUser();
    const chats = await Promise.all(Array.from({ length: 5 }, () => one.newChat(ann)));
    const sends = Array.from({ length: 100 }, async (_, index) => {
      const chatId = chats[index % 5]?.id ?? '';
      const message = await one.messages.send(viewerOf(ann), { chatId, content: `m${index}` });
      expect(message).toMatchObject({ chatId, content: `m${index}`, seq: 2 + Math.floor(index / 5) });
    });
    await Promise.all(sends);
  });
});

describe('a nonce', () => {
  it('makes one message of 1,000 parallel sends through two processes, and returns it 1,000 times', async () => {
    const ann = await one.newUser();
    const chat = await one.newChat(ann);
    const sends = Array.from({ length: 1000 }, (_, index) =>
      (index % 2 ? one : two).messages.send(viewerOf(ann), { chatId: chat.id, content: 'once', nonce: 'same' }),
    );
    const messages = await Promise.all(sends);
    expect(new Set(messages.map((message) => JSON.stringify({ ...message, sender: null })))).toHaveLength(1);
    expect(await one.chatLog.messages(chat.id, { last: 100 })).toHaveLength(1);
    expect((await one.chatLog.heads([chat.id]))[0]?.seq).toBe(2);
  });

  it('with other content is NONCE_REUSED, also within one batch, and changes nothing', async () => {
    const ann = await one.newUser();
    const chat = await one.newChat(ann);
    const send = (content: string) =>
      outcomeOf(one.messages.send(viewerOf(ann), { chatId: chat.id, content, nonce: 'n' }));
    const [blocker, first, other, again] = await Promise.all([
      send('first'),
      send('first'),
      send('other'),
      send('first'),
    ]);
    expect([first, again]).toEqual([blocker, blocker]);
    expect(other).toBe('NONCE_REUSED');
    expect(await send('later')).toBe('NONCE_REUSED');
    expect(await one.chatLog.messages(chat.id, { last: 10 })).toHaveLength(1);
  });

  it('is a sender’s and a chat’s own', async () => {
    const [ann, bob] = [await one.newUser(), await one.newUser()];
    const [chat, other] = [await one.newChat(ann, bob), await one.newChat(ann)];
    const send = (user: typeof ann, chatId: string) =>
      one.messages.send(viewerOf(user), { chatId, content: user.username, nonce: 'n' });
    const messages = await Promise.all([send(ann, chat.id), send(bob, chat.id), send(ann, other.id)]);
    expect(new Set(messages.map((message) => message.id))).toHaveLength(3);
  });
});

describe('numbers', () => {
  it('are dense, unique and in each sender’s order for any mix of sends, repeats and membership changes of two processes', {
    retry: 0,
    timeout: 120_000,
  }, async () => {
    const users = await Promise.all(Array.from({ length: 4 }, () => one.newUser()));
    const action = fc.record({
      chat: fc.nat(2),
      user: fc.nat(3),
      process: fc.boolean(),
      what: fc.oneof(
        { weight: 8, arbitrary: fc.record({ nonce: fc.option(fc.nat(5), { freq: 2 }) }) },
        { weight: 1, arbitrary: fc.constantFrom('add' as const, 'remove' as const) },
      ),
    });
    await assertProperty(
      fc.asyncProperty(fc.array(action, { minLength: 1, maxLength: 60 }), async (actions) => {
        const chats = await Promise.all([one.newChat(...users), one.newChat(...users), one.newChat(...users)]);
        const sent: { chatId: string; sender: string; message: ChatMessage }[] = [];
        await Promise.all(
          actions.map(async ({ chat, user, process, what }, index) => {
            const services = process ? one : two;
            const [chatId, actor] = [chats[chat]?.id, users[user]];
            if (!chatId || !actor) return;
            if (what === 'add') return void (await services.memberships.add(null, chatId, actor.id));
            if (what === 'remove') return void (await services.memberships.remove(null, chatId, actor.id));
            const nonce = what.nonce === null ? null : `n${what.nonce}`;
            const content = nonce ?? `m${index}`;
            const outcome = await outcomeOf(services.messages.send(viewerOf(actor), { chatId, content, nonce }));
            if (typeof outcome === 'string') expect(outcome).toBe('NOT_FOUND');
            else sent.push({ chatId, sender: actor.id, message: outcome });
          }),
        );
        for (const head of await one.chatLog.heads(chats.map((chat) => chat.id))) {
          const { events } = await one.chatLog.page(head, 0, 1000);
          expect(events.map((event) => event.seq)).toEqual(Array.from({ length: head.seq }, (_, index) => index + 1));
          const times = events.map((event) => event.at);
          expect(times).toEqual(times.toSorted());
          // Every acknowledged send is there, once, as it was acknowledged.
          for (const { message } of sent.filter(({ chatId }) => chatId === head.chatId))
            expect(events[message.seq - 1]).toMatchObject({ type: 'message.created', message });
          const created = events.filter((event) => event.type === 'message.created');
          const nonces = created.flatMap(({ message }) =>
            message.nonce ? [`${message.sender.id} ${message.nonce}`] : [],
          );
          expect(new Set(nonces).size).toBe(nonces.length);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('are taken by batches of two processes over the same chats without a deadlock', async () => {
    const ann = await one.newUser();
    const chats = await Promise.all(Array.from({ length: 20 }, () => one.newChat(ann)));
    const sends = Array.from({ length: 2000 }, (_, index) => {
      // The two processes go through the chats in opposite directions.
      const place = Math.floor(index / 2) % 20;
      const chat = chats[index % 2 ? place : 19 - place];
      return (index % 2 ? one : two).messages.send(viewerOf(ann), { chatId: chat?.id ?? '', content: `m${index}` });
    });
    await Promise.all(sends);
    const heads = await one.chatLog.heads(chats.map((chat) => chat.id));
    expect(heads.map((head) => head.seq)).toEqual(Array.from({ length: 20 }, () => 101));
  });
});
