import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DeleteSpan } from '../../../src/domain/chats/bans.js';
import type { Viewer } from '../../../src/domain/viewer.js';
import { startOwnServices, startServices } from '../../support/services.js';
import { testDatabaseSource } from '../../support/test-database-source.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let admin: Viewer;
beforeAll(async () => {
  services = await startOwnServices();
  admin = await services.newViewer(await services.newUser('admin'));
});
afterAll(() => services.close());

async function newChat() {
  const [ann, bob] = [await services.newUser(), await services.newUser()];
  const chat = await services.newChat(ann, bob);
  await services.memberships.setRole(null, chat.id, ann.id, 'moderator');
  return { id: chat.id, ann: await services.newViewer(ann), bob: await services.newViewer(bob), bobId: bob.id };
}

const send = (viewer: Viewer, chatId: string, more: object = {}) =>
  services.messages.send(viewer, { chatId, content: 'hi', ...more });
const headOf = async (id: string) => (await services.db.prisma.chat.findUniqueOrThrow({ where: { id } })).lastSeq;
const set = (statement: string, ...values: unknown[]) => services.db.pool.query(statement, values);
const eventsAfter = async (chatId: string, after: number) => {
  const { epoch, lastSeq: seq } = await services.db.prisma.chat.findUniqueOrThrow({ where: { id: chatId } });
  return (await services.chatLog.page({ chatId, epoch, seq }, after, 200)).events;
};

describe('a mute', () => {
  it('is one event, and shows until when', async () => {
    const { id, ann, bobId } = await newChat();
    const head = await headOf(id);
    const until = new Date(Date.now() + 3_600_000);
    const muted = await services.mutes.mute(ann, id, bobId, until, 'shouting');
    expect(muted).toMatchObject({ role: 'member', mutedUntil: until });
    expect(await services.mutes.mute(ann, id, bobId, until)).toEqual(muted);
    expect(await headOf(id)).toBe(head + 1);
    expect(await eventsAfter(id, head)).toMatchObject([
      { type: 'member.updated', member: { user: { id: bobId }, mutedUntil: until.toISOString() } },
    ]);
    expect((await services.mutes.unmute(ann, id, bobId)).mutedUntil).toBeNull();
    expect((await services.mutes.mute(ann, id, bobId, null)).mutedUntil).toEqual(new Date('9999-12-31T23:59:59.999Z'));
  });

  it('ends to the millisecond, by the clock of the database', async () => {
    const { id, ann, bob, bobId } = await newChat();
    await services.mutes.mute(ann, id, bobId, null);
    await expect(send(bob, id)).rejects.toMatchObject({ code: 'FORBIDDEN', rule: 'member.muted' });
    const head = await headOf(id);
    // Tries until it is allowed: the message's own time is that of the database.
    await set(
      "UPDATE chat_memberships SET muted_until = clock_timestamp() + interval '300 ms' WHERE chat_id = $1 AND user_id = $2",
      id,
      bobId,
    );
    const { mutedUntil } = await services.db.prisma.chatMembership.findUniqueOrThrow({
      where: { chatId_userId: { chatId: id, userId: bobId } },
    });
    let sent: { createdAt: string; seq: number } | undefined;
    let refused = 0;
    while (!sent)
      sent = await send(bob, id).catch((error: { rule?: string }) => {
        expect(error.rule).toBe('member.muted');
        refused += 1;
        return undefined;
      });
    expect(refused).toBeGreaterThan(0);
    expect(Date.parse(sent.createdAt)).toBeGreaterThanOrEqual(Number(mutedUntil));
    // What was refused took no number.
    expect(sent.seq).toBe(head + 1);
  });

  it('is for those below the own role, and for no admin', async () => {
    const { id, ann, bob, bobId } = await newChat();
    const annId = ann.user?.id ?? '';
    const outcome = (promise: Promise<unknown>) => promise.then(() => 'ok').catch(({ rule, code }) => rule ?? code);
    expect(await outcome(services.mutes.mute(bob, id, annId, null))).toBe('chat.role');
    expect(await outcome(services.mutes.mute(ann, id, annId, null))).toBe('chat.role');
    expect(await outcome(services.mutes.mute(admin, id, annId, null))).toBe('ok');
    await services.memberships.add(null, id, admin.user?.id ?? '');
    expect(await outcome(services.mutes.mute(admin, id, admin.user?.id ?? '', null))).toBe('chat.role');
    // A muted moderator mutes nobody.
    expect(await outcome(services.mutes.mute(ann, id, bobId, null))).toBe('member.muted');
    expect(await outcome(services.mutes.mute(admin, id, bobId, new Date(0)))).toBe('BAD_USER_INPUT');
  });

  it('stays through leaving and coming back, as does slow mode', async () => {
    const { id, ann, bob, bobId } = await newChat();
    await set('UPDATE chats SET slow_seconds = 3600 WHERE id = $1', id);
    await send(bob, id);
    const back = async () => {
      await services.memberships.remove(ann.user, id, bobId, ann);
      return services.memberships.add(null, id, bobId);
    };
    expect(await back()).toMatchObject({ role: 'member', mutedUntil: null });
    await expect(send(bob, id)).rejects.toMatchObject({ code: 'RATE_LIMITED', rule: 'chat.slow_mode' });
    await services.mutes.mute(ann, id, bobId, null);
    expect((await back()).mutedUntil).not.toBeNull();
    await expect(send(bob, id)).rejects.toMatchObject({ rule: 'member.muted' });
  });

  it.skipIf(testDatabaseSource().kind === 'embedded')(
    'refuses without waiting for the chat (skipped on the embedded database, which has one session)',
    async () => {
      const { id, ann, bob, bobId } = await newChat();
      const { id: messageId } = await send(bob, id);
      await services.mutes.mute(ann, id, bobId, null);
      const holder = await services.db.pool.connect();
      try {
        await holder.query('BEGIN');
        await holder.query('SELECT FROM chats WHERE id = $1 FOR UPDATE', [id]);
        const target = { chatId: id, messageId };
        for (const refused of [
          () => send(bob, id),
          () => services.messageChanges.edit(bob, { ...target, content: 'other' }),
          () => services.messageChanges.delete(bob, target),
          () => services.reactions.add(bob, { ...target, emoji: '👍' }),
        ])
          await expect(refused()).rejects.toMatchObject({ rule: 'member.muted' });
      } finally {
        await holder.query('ROLLBACK');
        holder.release();
      }
    },
  );
});

describe('slow mode', () => {
  it('says exactly when the next message may come, and answers a repeat', async () => {
    const { id, ann, bob, bobId } = await newChat();
    await set('UPDATE chats SET slow_seconds = 60 WHERE id = $1', id);
    const first = await send(bob, id, { nonce: 'n' });
    const refusal = await send(bob, id).catch((error: { retryAfterMs?: number }) => error);
    expect(refusal).toMatchObject({ code: 'RATE_LIMITED', rule: 'chat.slow_mode' });
    expect((refusal as { retryAfterMs: number }).retryAfterMs).toBeGreaterThan(30_000);
    expect((refusal as { retryAfterMs: number }).retryAfterMs).toBeLessThanOrEqual(60_000);
    expect(await send(bob, id, { nonce: 'n' })).toEqual(first);
    await set(
      "UPDATE chat_memberships SET last_sent_at = last_sent_at - interval '1 minute' WHERE chat_id = $1 AND user_id = $2",
      id,
      bobId,
    );
    // Those of one batch too: one is stored.
    const both = await Promise.allSettled([send(bob, id), send(bob, id)]);
    expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    // A moderator is free of it.
    await send(ann, id);
    await send(ann, id);
  });
});

describe('a ban', () => {
  it('numbers nothing of the user behind it, while a hundred sends are under way', async () => {
    const { id, ann, bob, bobId } = await newChat();
    const sends = Array.from({ length: 50 }, () => send(bob, id));
    const ban = services.bans.ban(ann, { chatId: id, userId: bobId, reason: 'spam' });
    sends.push(...Array.from({ length: 50 }, () => send(bob, id)));
    const [settled] = await Promise.all([Promise.allSettled(sends), ban]);
    const events = await eventsAfter(id, 0);
    const removal = events.find(({ type }) => type === 'member.removed');
    expect(removal).toMatchObject({ cause: 'banned', until: null, user: { id: bobId } });
    const sent = settled.flatMap((each) => (each.status === 'fulfilled' ? each.value.seq : []));
    for (const seq of sent) expect(seq).toBeLessThan(removal?.seq ?? 0);
    for (const each of settled) if (each.status === 'rejected') expect(each.reason.code).toBe('NOT_FOUND');
    await expect(send(bob, id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const stored = await services.db.prisma.message.count({ where: { chatId: id, senderId: bobId } });
    expect(stored).toBe(sent.length);
  });

  it('keeps the user out until it ends or is taken back', async () => {
    const { id, ann, bobId } = await newChat();
    const until = new Date(Date.now() + 3_600_000);
    await services.bans.ban(ann, { chatId: id, userId: bobId, until, reason: 'spam' });
    expect(await services.bans.list(ann, id, { first: 10 })).toMatchObject([
      { user: { id: bobId }, until, by: { id: ann.user?.id }, reason: 'spam' },
    ]);
    const banned = { code: 'CONFLICT', rule: 'user.banned' };
    await expect(services.memberships.add(admin.user, id, bobId, admin)).rejects.toMatchObject(banned);
    await expect(services.memberSets.set(admin, id, { add: [{ userId: bobId }] })).rejects.toMatchObject({
      ...banned,
      field: 'add.0',
    });
    await set("UPDATE chat_bans SET until = now() - interval '1 ms' WHERE chat_id = $1", id);
    expect(await services.bans.list(ann, id, { first: 10 })).toEqual([]);
    await services.memberships.add(admin.user, id, bobId, admin);
    await services.bans.ban(ann, { chatId: id, userId: bobId });
    expect(await services.bans.unban(ann, id, bobId)).toBe(true);
    expect(await services.bans.unban(ann, id, bobId)).toBe(false);
    await services.memberships.add(admin.user, id, bobId, admin);
    const events = await eventsAfter(id, 0);
    expect(events.filter(({ type }) => type === 'member.removed')).toMatchObject([
      { cause: 'banned', until: until.toISOString() },
      { cause: 'banned', until: null },
    ]);
  });

  it('of who is no member is no event, and pages are in the order of ids', async () => {
    const { id, ann } = await newChat();
    const others = [await services.newUser(), await services.newUser(), await services.newUser()];
    const head = await headOf(id);
    for (const user of others) await services.bans.ban(ann, { chatId: id, userId: user.id });
    expect(await headOf(id)).toBe(head);
    const ids = others.map((user) => user.id).sort();
    const first = await services.bans.list(ann, id, { first: 2 });
    expect(first.map(({ user }) => user.id)).toEqual(ids.slice(0, 2));
    const rest = await services.bans.list(ann, id, { first: 2, after: ids[1] });
    expect(rest.map(({ user }) => user.id)).toEqual(ids.slice(2));
  });

  describe('with a deletion of what the user sent', () => {
    const left = async (chatId: string) =>
      (
        await services.db.prisma.message.findMany({
          where: { chatId, content: 'hi' },
          select: { seq: true },
          orderBy: { seq: 'asc' },
        })
      ).map(({ seq }) => seq);
    const ban = (viewer: Viewer, chatId: string, userId: string, deletes: DeleteSpan) =>
      services.bans.ban(viewer, { chatId, userId, deletes });
    const waiting = async (chatId: string) =>
      (await services.db.pool.query('SELECT FROM sender_deletions WHERE chat_id = $1', [chatId])).rowCount;
    /** As if whoever banned were gone: the next process that looks takes it over. */
    const abandon = (chatId: string) =>
      set("UPDATE sender_deletions SET taken_until = now() - interval '1 s' WHERE chat_id = $1", chatId);

    it('deletes as far back as asked, each with its event and its act of the audit log', async () => {
      const { id, ann, bob, bobId } = await newChat();
      const old = await send(bob, id);
      await set(
        "UPDATE messages SET created_at = now() - interval '2 hours' WHERE chat_id = $1 AND seq = $2",
        id,
        old.seq,
      );
      for (let count = 0; count < 120; count += 1) await send(bob, id);
      const anns = await send(ann, id);
      await ban(ann, id, bobId, 'hour');
      await services.senderDeletions.begin(id, bobId);
      expect(await left(id)).toEqual([old.seq, anns.seq]);
      await ban(ann, id, bobId, 'all');
      await services.senderDeletions.begin(id, bobId);
      expect(await left(id)).toEqual([anns.seq]);
      expect(await waiting(id)).toBe(0);
      const events = (await eventsAfter(id, anns.seq)).filter(({ type }) => type === 'message.deleted');
      expect(events).toHaveLength(121);
      expect(events[0]).toMatchObject({ actor: ann.user, message: { sender: bob.user } });
      const { rows } = await services.db.pool.query<{ action: string; count: number; data: object }>(
        `SELECT action, count(*)::int AS count, max(entry::jsonb -> 'data' ->> 'deletes') AS deletes
         FROM audit_log WHERE chat_id = $1 AND actor_id = $2 AND action <> 'member.role_set' GROUP BY action ORDER BY action`,
        [id, ann.user?.id],
      );
      expect(rows).toEqual([
        { action: 'message.deleted', count: 121, deletes: null },
        { action: 'user.banned', count: 1, deletes: 'hour' },
      ]);
    });

    it('answers soon however much there is, and the rest goes by itself', async () => {
      const { id, ann, bob, bobId } = await newChat();
      for (let count = 0; count < 250; count += 1) await send(bob, id);
      const other = await startServices(services.database, undefined, { senderDeletionMs: 0 });
      try {
        await ban(ann, id, bobId, 'all');
        await other.senderDeletions.begin(id, bobId);
        expect(await left(id)).toHaveLength(150);
        // The newest go first.
        expect(Math.max(...(await left(id)))).toBeLessThan(155);
        for (let turns = 1; await other.senderDeletions.next(); turns += 1) expect(turns).toBeLessThan(3);
      } finally {
        await other.close();
      }
      expect(await left(id)).toEqual([]);
      expect(await waiting(id)).toBe(0);
    });

    it('is done by another process when the one that banned is gone, whatever the moderator may do by then', async () => {
      const { id, ann, bob, bobId } = await newChat();
      await send(bob, id);
      await ban(ann, id, bobId, 'all');
      expect(await services.senderDeletions.next(), 'while who banned is at work').toBe(false);
      await abandon(id);
      await services.memberships.remove(null, id, ann.user?.id ?? '');
      expect(await services.senderDeletions.next()).toBe(true);
      expect(await left(id)).toEqual([]);
    });

    it('leaves what is sent later, by who was let in again', async () => {
      const { id, ann, bob, bobId } = await newChat();
      await send(bob, id);
      await ban(ann, id, bobId, 'all');
      await services.bans.unban(ann, id, bobId);
      await services.memberships.add(null, id, bobId);
      const { seq } = await send(bob, id);
      await services.senderDeletions.begin(id, bobId);
      expect(await left(id)).toEqual([seq]);
    });

    it('is part of the ban in an archived chat, and over with a deleted one', async () => {
      const { id, ann, bob, bobId } = await newChat();
      await send(bob, id);
      await services.chatChanges.update(admin, id, { archived: true });
      await ban(ann, id, bobId, 'all');
      await services.senderDeletions.begin(id, bobId);
      expect(await left(id)).toEqual([]);

      const doomed = await newChat();
      const { seq } = await send(doomed.bob, doomed.id);
      await ban(doomed.ann, doomed.id, doomed.bobId, 'all');
      await services.chatChanges.delete(admin, doomed.id);
      await services.senderDeletions.begin(doomed.id, doomed.bobId);
      expect(await left(doomed.id)).toEqual([seq]);
      expect(await waiting(doomed.id)).toBe(0);
    });
  });

  it('ends an invitation that is open, which shows the chat', async () => {
    const { id, ann } = await newChat();
    const user = await services.newUser();
    const viewer = await services.newViewer(user);
    const { id: invitation } = await services.invitations.invite(ann, id, user.id);
    expect(await services.invitations.list(viewer)).toHaveLength(1);
    await services.bans.ban(ann, { chatId: id, userId: user.id });
    expect(await services.invitations.list(viewer)).toEqual([]);
    await services.bans.unban(ann, id, user.id);
    await expect(services.invitations.accept(viewer, { id: invitation, network: 'n' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });
});
