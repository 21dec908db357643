import { beforeEach, describe, expect, it } from 'vitest';
import { check } from './checker.js';
import type { DatabaseState, Row } from './database-state.js';
import type { Change, ChangeInvoked, Entry, EntryOf, MessageState } from './entries.js';

const CHAT = 'chat-1';
const [ANN, BOB, CID, DAN] = ['ann', 'bob', 'cid', 'dan'];
const [FIRST, SECOND, REPLY, QUOTE] = ['message-3', 'message-4', 'message-5', 'message-6'];

const TOMBSTONE: MessageState = { sender: ANN, content: '', isDeleted: true };
const THUMBS = [{ emoji: '👍', count: 1, users: [BOB] }];

/** The messages as they were sent. */
const SENT = {
  first: { sender: ANN, content: 'ann-1 words' },
  second: { sender: ANN, content: 'ann-2 words' },
  reply: { sender: ANN, content: 'ann-3 words', thread: FIRST },
  quote: { sender: ANN, content: 'ann-4 words', replyTo: SECOND },
} satisfies Record<string, MessageState>;

/** The first message after each of its changes. */
const EDITED: MessageState = { sender: ANN, content: 'ann-edit-1 words', revision: 1 };
const PINNED: MessageState = { ...EDITED, pinnedBy: BOB };
const LIKED: MessageState = { ...PINNED, reactions: THUMBS };

/**
 * A run in which all is well. Ann sends four messages and edits the first; the answer is lost, and the repeated edit, which names the
 * revision that it saw, is refused. Bob pins it, likes it, and deletes the second and the third message together. The fourth quotes the
 * second. Cid listens on the raw channel all the time. Dan comes at the end, by GraphQL, and reads everything as it is now.
 */
function goodRun(): { entries: Entry[]; database: DatabaseState } {
  const now: Row[] = [
    { chat: CHAT, seq: 1, kind: 'member.added', subject: ANN, actor: null, nonce: null },
    { chat: CHAT, seq: 2, kind: 'member.added', subject: BOB, actor: null, nonce: null },
    { ...created(3, LIKED, 'ann-1'), versions: ['ann-1 words', 'ann-edit-1 words'] },
    { ...created(4, TOMBSTONE, 'ann-2'), versions: [null] },
    { ...created(5, { ...TOMBSTONE, thread: FIRST }, 'ann-3'), versions: [null] },
    created(6, SENT.quote, 'ann-4'),
    changed(7, 'message.edited', FIRST, ANN),
    changed(8, 'message.pinned', FIRST, BOB),
    changed(9, 'message.reactions', FIRST, BOB),
    changed(10, 'message.deleted', SECOND, BOB),
    changed(11, 'message.deleted', REPLY, BOB),
  ];
  const entries: Entry[] = [
    opened(0, 1, CID, 'raw', 'e:0'),
    { at: 5, type: 'stream.started', connection: 1, cursor: 'e:0' },
    seen(10, 1, { seq: 1, kind: 'member.added', subject: ANN }),
    seen(10, 1, { seq: 2, kind: 'member.added', subject: BOB }),
    ...sent(100, 'ann-1', 3, SENT.first),
    ...sent(120, 'ann-2', 4, SENT.second),
    ...sent(140, 'ann-3', 5, SENT.reply, [FIRST]),
    ...sent(160, 'ann-4', 6, SENT.quote, [SECOND]),
    seen(180, 1, shows(3, 'message.created', FIRST, SENT.first)),
    seen(180, 1, shows(4, 'message.created', SECOND, SENT.second)),
    seen(180, 1, shows(5, 'message.created', REPLY, SENT.reply)),
    seen(180, 1, shows(6, 'message.created', QUOTE, SENT.quote)),
    { at: 190, type: 'fault.began', fault: 1, name: 'kill service', target: 'service', service: 1 },
    asked(200, {
      id: 'ann-edit-1',
      act: 'edit',
      messages: [FIRST],
      content: 'ann-edit-1 words',
      revision: 0,
      service: 1,
    }),
    seen(205, 1, shows(7, 'message.edited', FIRST, EDITED)),
    { at: 210, type: 'change.lost', id: 'ann-edit-1', attempt: 1, reason: 'the socket closed' },
    asked(220, {
      ...{ id: 'ann-edit-1', act: 'edit', messages: [FIRST], content: 'ann-edit-1 words', revision: 0 },
      attempt: 2,
    }),
    { at: 225, type: 'change.refused', id: 'ann-edit-1', attempt: 2, code: 'CONFLICT' },
    { at: 230, type: 'fault.ended', fault: 1 },
    asked(300, { id: 'bob-1', act: 'pin', user: BOB, messages: [FIRST] }),
    told(310, 'bob-1', [FIRST, PINNED]),
    seen(311, 1, shows(8, 'message.pinned', FIRST, PINNED)),
    asked(320, { id: 'bob-2', act: 'react', user: BOB, messages: [FIRST], emoji: '👍' }),
    told(330, 'bob-2', [FIRST, LIKED]),
    seen(335, 1, { seq: 9, kind: 'message.reactions', subject: FIRST, reactions: THUMBS }),
    asked(400, { id: 'bob-3', act: 'delete', user: BOB, messages: [REPLY, SECOND] }),
    told(410, 'bob-3', [REPLY, { ...TOMBSTONE, thread: FIRST }], [SECOND, TOMBSTONE]),
    seen(411, 1, shows(10, 'message.deleted', SECOND, TOMBSTONE)),
    seen(411, 1, shows(11, 'message.deleted', REPLY, { ...TOMBSTONE, thread: FIRST })),
    opened(500, 2, DAN, 'graphql', 'e:0'),
    ...present(now).map((change) => seen(510, 2, change)),
    { at: 700, type: 'listener.finished', listener: 'by cid', chat: CHAT, seq: 11, head: 11 },
    { at: 700, type: 'listener.finished', listener: 'by dan', chat: CHAT, seq: 11, head: 11 },
    { at: 710, type: 'history', chat: CHAT, service: 0, changes: present(now) },
  ];
  return {
    entries,
    database: {
      chats: [{ id: CHAT, name: 'kitchen', epoch: 'e', lastSeq: 11 }],
      rows: now,
      threads: [{ chat: CHAT, root: FIRST, replyCount: 0, lastReply: null }],
      reactions: [{ message: FIRST, emoji: '👍', user: BOB }],
      unsummarised: 0,
      marks: [{ column: 'messages.content', marks: ['ann-4 ', 'ann-edit-1 '] }],
    },
  };
}

let run: ReturnType<typeof goodRun>;
beforeEach(() => {
  run = structuredClone(goodRun());
});

/** The promises that the run, as it was changed so far, breaks. */
function broken(): string[] {
  return [...new Set(check(run.entries, run.database).map(({ rule }) => rule))];
}

describe('the checker', () => {
  it('finds nothing in a run with changes in which all is well', () => {
    expect(check(run.entries, run.database)).toEqual([]);
  });

  describe('what a change shows', () => {
    it('finds a change that shows its message older than itself', () => {
      event(1, 7).message = SENT.first;
      expect(broken()).toEqual(['a change shows its message as new as itself']);
    });

    it('lets a change show its message newer than itself', () => {
      event(1, 7).message = PINNED;
      expect(broken()).toEqual([]);
    });

    it('finds a message that goes back', () => {
      event(1, 3).message = PINNED;
      expect(broken()).toEqual(['no message goes back']);
    });

    it('finds a message that never looked so', () => {
      event(1, 7).message = { ...EDITED, content: 'ann-1 words' };
      expect(broken()).toEqual(['a change is what was written']);
    });

    it('finds a message of another sender, and one that quotes another message', () => {
      event(1, 3).message = { ...SENT.first, sender: BOB };
      expect(broken()).toEqual(['a change is what was written']);
      event(1, 3).message = { ...SENT.first, replyTo: REPLY };
      expect(broken()).toEqual(['a change is what was written']);
    });

    it('finds a quote that shows what was deleted', () => {
      event(2, 6).quote = { id: SECOND, message: TOMBSTONE };
      expect(broken()).toEqual([]);
      event(2, 10).quote = { id: SECOND, message: SENT.second };
      expect(broken()).toEqual(['a change shows its message as new as itself']);
    });

    it('finds a history query that shows a message as it was', () => {
      const [change] = entry('history').changes.filter(({ seq }) => seq === 3);
      if (change) change.message = EDITED;
      expect(broken()).toEqual(['the history query tells what was written']);
    });

    it('finds a history query with a quote as it was', () => {
      const [change] = entry('history').changes.filter(({ seq }) => seq === 6);
      if (change) change.quote = { id: SECOND, message: SENT.second };
      expect(broken()).toEqual(['the history query tells what was written']);
    });
  });

  describe('views', () => {
    it('finds a client that ends with other reactions than the database', () => {
      event(1, 9).reactions = [];
      expect(broken()).toEqual(["a client's view equals the database"]);
    });

    it('finds a client that ends with other mentions or metadata', () => {
      event(1, 8).message = { ...PINNED, mentions: [BOB] };
      expect(broken()).toEqual(["a client's view equals the database"]);
      event(1, 8).message = { ...PINNED, metadata: '{}' };
      expect(broken()).toEqual(["a client's view equals the database"]);
    });
  });

  describe('deleted texts', () => {
    it('finds one in a column of the database', () => {
      run.database.marks.push({ column: 'message_revisions.content', marks: ['ann-2 '] });
      expect(broken()).toEqual(['what was deleted is nowhere']);
    });

    it('finds the text of an edit too', () => {
      run.entries.push(
        asked(390, { id: 'ann-edit-2', act: 'edit', messages: [SECOND], content: 'ann-edit-2 words' }),
        told(395, 'ann-edit-2', [SECOND, { ...SENT.second, content: 'ann-edit-2 words', revision: 1 }]),
      );
      run.database.marks.push({ column: 'some.column', marks: ['ann-edit-2 '] });
      expect(broken()).toContain('what was deleted is nowhere');
    });

    it('finds one in a change from the number of the deletion on', () => {
      event(1, 11).marks = ['ann-2 '];
      expect(broken()).toEqual(['what was deleted is not told again']);
    });

    it('finds one that is told to who came after the deletion', () => {
      event(2, 4).marks = ['ann-2 '];
      expect(broken()).toEqual(['what was deleted is not told again']);
      entry('stream.opened', ({ connection }) => connection === 2).at = 405;
      expect(broken()).toEqual([]);
    });

    it('finds one in the history query', () => {
      const [change] = entry('history').changes;
      if (change) change.marks = ['ann-2 '];
      expect(broken()).toEqual(['what was deleted is not told again']);
    });

    it('finds a deleted message that keeps something', () => {
      rowOf(4).versions = ['ann-2 words'];
      expect(broken()).toContain('a deleted message keeps nothing');
    });
  });

  describe('counts', () => {
    it('finds a count of replies that counts deleted ones', () => {
      for (const thread of run.database.threads) thread.replyCount = 1;
      expect(broken()).toEqual(['counts of replies equal a recount']);
    });

    it('finds a wrong last reply, and a thread that is missing', () => {
      for (const thread of run.database.threads) thread.lastReply = REPLY;
      expect(broken()).toEqual(['counts of replies equal a recount']);
      run.database.threads = [];
      expect(broken()).toEqual(['counts of replies equal a recount']);
    });

    it('finds a summary that is not that of the rows', () => {
      run.database.reactions = [];
      expect(broken()).toContain('summaries of reactions equal their rows');
    });

    it('finds a reaction that is never summarised', () => {
      run.database.unsummarised = 1;
      expect(broken()).toEqual(['every reaction is summarised in the end']);
    });
  });

  describe('changes', () => {
    it('finds an acknowledged edit that is gone', () => {
      run.entries.push(
        asked(600, { id: 'ann-edit-2', act: 'edit', messages: [FIRST], content: 'ann-edit-2 words' }),
        told(610, 'ann-edit-2', [FIRST, { ...LIKED, content: 'ann-edit-2 words', revision: 2 }]),
      );
      expect(broken()).toContain('nothing acknowledged is lost');
    });

    it('finds an acknowledged deletion that did not happen', () => {
      run.entries.push(
        asked(600, { id: 'ann-9', act: 'delete', messages: [QUOTE] }),
        told(610, 'ann-9', [QUOTE, { ...TOMBSTONE, replyTo: SECOND }]),
      );
      expect(broken()).toContain('nothing acknowledged is lost');
    });

    it('finds an edit that was made twice although it was answered at once', () => {
      edit(600, 'ann-edit-2', 2, 12);
      expect(broken()).toEqual([]);
      rowOf(3).versions?.push('ann-edit-2 words');
      expect(broken()).toContain('a change is made once');
    });

    it('lets an edit that was not answered have its effect late, or never', () => {
      edit(600, 'ann-edit-2', 2, 12);
      insertAfter(asked(590, lateEdit), ({ at }) => at === 510);
      insertAfter(
        { at: 595, type: 'change.lost', id: 'ann-edit-0', attempt: 1, reason: 'no answer' },
        ({ at }) => at === 590,
      );
      expect(broken()).toEqual(['every change is answered in the end', 'a living service answers']);
    });

    it('finds an edit that a later one does not override', () => {
      edit(600, 'ann-edit-2', 2, 12);
      edit(620, 'ann-edit-3', 3, 13);
      expect(broken()).toEqual([]);
      rowOf(3).versions = ['ann-1 words', 'ann-edit-1 words', 'ann-edit-3 words', 'ann-edit-2 words'];
      rowOf(3).message = { ...LIKED, content: 'ann-edit-2 words', revision: 3 };
      expect(broken()).toContain('the last change holds');
    });

    it('finds a pin and a reaction that are not there in the end', () => {
      rowOf(3).message = { ...EDITED, reactions: THUMBS };
      expect(broken()).toContain('the last change holds');
      run = structuredClone(goodRun());
      rowOf(3).message = PINNED;
      run.database.reactions = [];
      expect(broken()).toContain('the last change holds');
    });

    it('finds a change that nobody asked for', () => {
      rowOf(8).actor = ANN;
      expect(broken()).toEqual(['nobody else changes a message']);
    });

    it("finds words that are not the sender's", () => {
      rowOf(3).versions = ['ann-1 words', 'eve-1 words'];
      expect(broken()).toContain('nobody else changes a message');
    });

    it('finds a reaction that nobody has asked for', () => {
      run.database.reactions.push({ message: FIRST, emoji: '🎉', user: BOB });
      expect(broken()).toContain('nobody else changes a message');
    });

    it('finds a repeated pin that took a number', () => {
      append(changed(12, 'message.pinned', FIRST, BOB));
      expect(broken()).toContain('a repeated change takes no number');
    });

    it('finds a change of a deleted message', () => {
      append(changed(12, 'message.edited', SECOND, ANN));
      expect(broken()).toContain('nothing happens to a deleted message');
    });

    it('finds tables that tell something else than the log', () => {
      rowOf(3).message = { ...LIKED, revision: 2 };
      expect(broken()).toContain('the tables tell what the log tells');
    });

    it('finds a deletion of several that was taken apart', () => {
      rowOf(11).seq = 12;
      expect(broken()).toContain('a deletion of several is one change');
    });

    it('finds an answer that shows something else', () => {
      const [shown] = entry('change.acknowledged', ({ id }) => id === 'bob-1').shown;
      if (shown) shown.message = EDITED;
      expect(broken()).toEqual(['an answer shows what was changed']);
    });

    it('finds a change that was never answered', () => {
      run.entries = run.entries.filter(({ type, at }) => type !== 'change.acknowledged' || at !== 310);
      expect(broken()).toEqual(['every change is answered in the end']);
    });
  });

  describe('refusals', () => {
    it('finds a CONFLICT of a revision that nobody else replaced', () => {
      run.entries = run.entries.filter(({ at }) => at !== 210 && at !== 220);
      entry('change.refused').attempt = 1;
      expect(broken()).toContain('nobody is refused without a reason');
    });

    it('lets a change of a message be refused whose deletion was asked for, and no other', () => {
      run.entries.push(asked(600, { id: 'bob-9', act: 'pin', user: BOB, messages: [SECOND] }), {
        at: 610,
        type: 'change.refused',
        id: 'bob-9',
        attempt: 1,
        code: 'CONFLICT',
        rule: 'message.deleted',
      });
      expect(broken()).toEqual([]);
      const { messages } = entry('change.invoked', ({ id }) => id === 'bob-9');
      messages.splice(0, 1, QUOTE);
      expect(broken()).toEqual(['nobody is refused without a reason']);
    });

    it('lets reactions be refused above 60 calls within a minute, at one process', () => {
      const refused = { type: 'change.refused', attempt: 1, code: 'RATE_LIMITED', rule: 'reaction.rate' } as const;
      const calls = (count: number, service: number) => {
        for (let call = 0; call < count; call += 1) {
          const id = `bob-call-${service}-${call}`;
          const change = { id, act: 'take back', user: BOB, messages: [QUOTE], emoji: '🎉', service } as const;
          run.entries.push(asked(600 + call, change), told(600.5 + call, id, [QUOTE, SENT.quote]));
        }
      };
      calls(30, 0);
      calls(40, 1);
      const change = { id: 'bob-9', act: 'react', user: BOB, messages: [QUOTE], emoji: '🎉' } as const;
      run.entries.push(asked(690, change), { at: 695, id: 'bob-9', ...refused });
      expect(broken()).toEqual(['nobody is refused without a reason']);
      run.entries.splice(0, run.entries.length, ...goodRun().entries);
      calls(60, 0);
      run.entries.push(asked(690, change), { at: 695, id: 'bob-9', ...refused });
      expect(broken()).toEqual([]);
    });
  });
});

const lateEdit = {
  id: 'ann-edit-0',
  act: 'edit',
  messages: [FIRST],
  content: 'ann-edit-0 words',
  client: 'ann-0',
} as const;

/** Ann edits the first message, and all goes well. */
function edit(at: number, id: string, revision: number, seq: number): void {
  const content = `${id} words`;
  const state = { ...LIKED, content, revision };
  run.entries.push(asked(at, { id, act: 'edit', messages: [FIRST], content }), told(at + 5, id, [FIRST, state]));
  append(changed(seq, 'message.edited', FIRST, ANN));
  const row = rowOf(3);
  row.message = state;
  row.versions?.push(content);
  for (const connection of [1, 2])
    run.entries.push(seen(at + 6, connection, shows(seq, 'message.edited', FIRST, state)));
  for (const finished of run.entries) if (finished.type === 'listener.finished') finished.seq = finished.head = seq;
  entry('history').changes = present(run.database.rows);
}

function created(seq: number, message: MessageState, nonce: string): Row {
  const row = { chat: CHAT, seq, kind: 'message.created' as const, subject: `message-${seq}`, actor: ANN, nonce };
  return { ...row, message, versions: [message.content] };
}

function changed(seq: number, kind: Change['kind'], subject: string, actor: string): Row {
  return { chat: CHAT, seq, kind, subject, actor, nonce: null };
}

function shows(seq: number, kind: Change['kind'], subject: string, message: MessageState): Change {
  return { seq, kind, subject, message };
}

/** All changes as they are shown when nothing changes any more. */
function present(rows: readonly Row[]): Change[] {
  const now = new Map(rows.flatMap(({ subject, message }) => (message ? [[subject, message]] : [])));
  return rows.map(({ seq, kind, subject }) => {
    const message = now.get(subject);
    return { seq, kind, subject, ...(message && { message }) };
  });
}

function opened(at: number, connection: number, user: string, edge: 'raw' | 'graphql', after: string | null): Entry {
  return { at, type: 'stream.opened', connection, listener: `by ${user}`, user, chat: CHAT, edge, service: 0, after };
}

function seen(at: number, connection: number, change: Change): Entry {
  return { at, type: 'stream.event', connection, cursor: `e:${change.seq}`, ...change };
}

/** A send and, ten milliseconds later, its acknowledgement. */
function sent(at: number, nonce: string, seq: number, state: MessageState, refersTo: string[] = []): Entry[] {
  const who = { user: ANN, client: ANN, chat: CHAT, nonce, content: state.content, refersTo };
  return [
    { at, type: 'send.invoked', ...who, attempt: 1, edge: 'raw', service: 0 },
    { at: at + 10, type: 'send.acknowledged', nonce, attempt: 1, seq, message: `message-${seq}`, state },
  ];
}

type Asked = Pick<ChangeInvoked, 'id' | 'act'> & { messages: readonly string[] } & Partial<
    Omit<ChangeInvoked, 'messages'>
  >;

function asked(at: number, { messages, ...change }: Asked): Entry {
  const usual = { user: ANN, client: change.user ?? ANN, chat: CHAT, attempt: 1, edge: 'raw', service: 0 } as const;
  return { at, ...usual, ...change, type: 'change.invoked', messages: [...messages] };
}

function told(at: number, id: string, ...shown: [string, MessageState][]): Entry {
  return {
    at,
    type: 'change.acknowledged',
    id,
    attempt: 1,
    shown: shown.map(([message, state]) => ({ id: message, message: state })),
  };
}

/** The first matching entry of this type. */
function entry<Type extends Entry['type']>(
  type: Type,
  fits: (entry: EntryOf<Type>) => boolean = () => true,
): EntryOf<Type> {
  const isOfType = (each: Entry): each is EntryOf<Type> => each.type === type;
  const found = run.entries.filter(isOfType).find(fits);
  if (!found) throw new Error(`The run has no such ${type}.`);
  return found;
}

function event(connection: number, seq: number): EntryOf<'stream.event'> {
  return entry('stream.event', (each) => each.connection === connection && each.seq === seq);
}

function insertAfter(added: Entry, fits: (entry: Entry) => boolean): void {
  run.entries.splice(run.entries.findLastIndex(fits) + 1, 0, added);
}

function rowOf(seq: number): Row {
  const row = run.database.rows.find((each) => each.seq === seq);
  if (!row) throw new Error(`There is no row ${seq}.`);
  return row;
}

function append(row: Row): void {
  run.database.rows.push(row);
  for (const chat of run.database.chats) chat.lastSeq = row.seq;
}
