import { afterAll, beforeAll, expect, it } from 'vitest';
import type { MemberChange } from '../../../src/domain/mine/inbox.js';
import type { UserProfile } from '../../../src/domain/profile.js';
import { startOwnServices, viewerOf } from '../../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let ann: UserProfile;
let bob: UserProfile;

beforeAll(async () => {
  services = await startOwnServices();
  [ann, bob] = [await services.newUser(), await services.newUser()];
});

afterAll(() => services.close());

/** A position that is above all that has happened, but for one chat, of which its client has the changes up to `seq`. */
async function positionBut(chatId: string, seq: number) {
  const now = await services.inbox.now(ann.id);
  return { ...now, exceptions: new Map([[chatId, seq]]) };
}

it('a client is told of its removal and return in a chat of which it has less than its level says', async () => {
  const chat = await services.newChat(ann, bob);
  const { seq } = await services.messages.send(viewerOf(bob), { chatId: chat.id, content: 'x' });
  await services.memberships.remove(null, chat.id, ann.id);
  const away = await services.inbox.since(ann.id, await positionBut(chat.id, seq));
  expect(away.chats.find(({ chatId }) => chatId === chat.id)).toMatchObject({
    isMember: false,
    from: seq,
    changes: [-(seq + 1)],
  });
  await services.messages.send(viewerOf(bob), { chatId: chat.id, content: 'unheard' });
  await services.memberships.add(null, chat.id, ann.id);
  const back = await services.inbox.since(ann.id, await positionBut(chat.id, seq));
  const changes = [-(seq + 1), seq + 3];
  expect(back.chats.find(({ chatId }) => chatId === chat.id)).toMatchObject({ isMember: true, from: seq, changes });
  const later = await services.inbox.since(ann.id, await positionBut(chat.id, seq + 3));
  expect(later.chats.find(({ chatId }) => chatId === chat.id)).toMatchObject({ from: seq + 3, changes: [] });
});

it('all joins and removals are told in the order of their marks, however many have one', async () => {
  const chat = await services.newChat(bob);
  const from = (await services.inbox.now(bob.id)).statesBelow;
  // More than a page, of one transaction: they have one mark.
  await services.db.pool.query(
    `WITH head AS (UPDATE chats SET last_seq = last_seq + 20001, mark = pg_current_xact_id()::text::bigint WHERE id = $1 RETURNING last_seq, mark)
     INSERT INTO chat_events (chat_id, seq, mark, kind, subject_id)
     SELECT $1, head.last_seq - 20001 + n, head.mark, CASE n % 2 WHEN 1 THEN 'member.added' ELSE 'member.removed' END, $2
     FROM head, generate_series(1, 20001) AS n`,
    [chat.id, ann.id],
  );
  const told: MemberChange[] = [];
  const below = await services.inbox.memberChanges(from, (changes) => told.push(...changes));
  const ofChat = told.filter(({ chatId, userId }) => chatId === chat.id && userId === ann.id);
  expect(ofChat).toHaveLength(20_001);
  expect(new Set(ofChat.map(({ seq }) => seq)).size).toBe(20_001);
  expect(told.map(({ mark }) => mark)).toEqual(told.map(({ mark }) => mark).sort((one, other) => one - other));
  // As far as no transaction of the server holds it back, the next look begins behind them.
  const newest = Math.max(...told.map(({ mark }) => mark));
  expect(below).toBeGreaterThan(from - 1);
  expect(below).toBeLessThanOrEqual(newest + 1);
});
