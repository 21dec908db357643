import { beforeEach, describe, expect, it } from 'vitest';
import { check } from './checker.js';
import type { DatabaseState, Row } from './database-state.js';
import type { Change, Entry, EntryOf, StreamEdge } from './entries.js';

const [ANN, BOB] = ['ann', 'bob'];
/** The kitchen, where Bob comes and goes, and the garden, where he stays. */
const [KITCHEN, GARDEN] = ['chat-1', 'chat-2'];
const EPOCHS: Record<string, string> = { [KITCHEN]: 'e', [GARDEN]: 'f' };
const AWAY = { kitchen: [9, 10, 11], garden: [4] };

const rows: Row[] = [
  member(KITCHEN, 1, 'member.added', ANN),
  member(KITCHEN, 2, 'member.added', BOB),
  message(KITCHEN, 3),
  message(KITCHEN, 4),
  member(KITCHEN, 5, 'member.removed', BOB),
  message(KITCHEN, 6),
  member(KITCHEN, 7, 'member.added', BOB),
  message(KITCHEN, 8),
  ...AWAY.kitchen.map((seq) => message(KITCHEN, seq)),
  member(KITCHEN, 12, 'member.removed', BOB),
  message(KITCHEN, 13),
  member(GARDEN, 1, 'member.added', ANN),
  member(GARDEN, 2, 'member.added', BOB),
  message(GARDEN, 3),
  ...AWAY.garden.map((seq) => message(GARDEN, seq)),
  message(GARDEN, 5),
];

/**
 * A run in which all is well. Bob has three clients of his inbox. The first is there from the beginning, misses three messages of the
 * kitchen, of which it wants no more than two, and comes back over another transport twice. The second comes when Bob is not in the
 * kitchen; the third later, and its page is newer than its position.
 */
function goodRun(): { entries: Entry[]; database: DatabaseState } {
  const entries: Entry[] = [
    began(0, 'first', { [KITCHEN]: 2, [GARDEN]: 2 }),
    opened(1, 1, 'first', 'raw', 'first began'),
    { at: 5, type: 'inbox.started', connection: 1, position: 'first began' },
    { at: 6, type: 'inbox.live', connection: 1, position: 'first began' },
    ...sent(100, KITCHEN, 3),
    seen(111, 1, KITCHEN, 3),
    ...sent(150, GARDEN, 3),
    seen(161, 1, GARDEN, 3),
    ...sent(200, KITCHEN, 4),
    seen(211, 1, KITCHEN, 4),
    ...changed(300, 'removed'),
    seen(311, 1, KITCHEN, 5),
    ...sent(400, KITCHEN, 6),
    began(450, 'second', { [GARDEN]: 3 }),
    opened(451, 2, 'second', 'sse', 'second began'),
    { at: 452, type: 'inbox.live', connection: 2, position: 'second began' },
    ...changed(500, 'added'),
    ...seenBy([1, 2], 511, KITCHEN, 7),
    { at: 512, type: 'inbox.state', connection: 1, position: 'a state', chat: KITCHEN },
    ...sent(600, KITCHEN, 8),
    ...seenBy([1, 2], 611, KITCHEN, 8),
    began(613, 'third', { [KITCHEN]: 8, [GARDEN]: 3 }),
    opened(614, 3, 'third', 'graphql', 'third began'),
    ...[7, 8].map((seq) => seen(615, 3, KITCHEN, seq)),
    { at: 616, type: 'fault.began', fault: 1, name: 'kill service', target: 'service', service: 1 },
    { at: 620, type: 'stream.closed', connection: 1, code: '1006', reason: '' },
    ...AWAY.kitchen.flatMap((seq) => [
      ...sent(10 * seq + 540, KITCHEN, seq),
      ...seenBy([2, 3], 10 * seq + 550, KITCHEN, seq),
    ]),
    ...AWAY.garden.flatMap((seq) => [...sent(670, GARDEN, seq), ...seenBy([2, 3], 680, GARDEN, seq)]),
    { at: 690, type: 'fault.ended', fault: 1 },
    opened(700, 4, 'first', 'sse', 'chat-1 8', 2),
    { at: 705, type: 'inbox.started', connection: 4, position: 'come back' },
    gap(710, 4, 8, 11),
    seen(711, 4, GARDEN, 4),
    { at: 712, type: 'inbox.live', connection: 4, position: 'up to date' },
    ...changed(800, 'removed'),
    ...seenBy([2, 3, 4], 811, KITCHEN, 12),
    ...sent(820, KITCHEN, 13),
    { at: 840, type: 'fault.began', fault: 2, name: 'cut', target: 'clients', listeners: ['first'] },
    { at: 841, type: 'stream.closed', connection: 4, code: '1006', reason: '' },
    { at: 842, type: 'fault.ended', fault: 2 },
    opened(870, 5, 'first', 'graphql', 'chat-1 12'),
    ...sent(880, GARDEN, 5),
    ...seenBy([2, 3, 5], 891, GARDEN, 5),
    ...['first', 'second', 'third'].map((listener): Entry => ({ at: 900, type: 'inbox.finished', listener })),
  ];
  return {
    entries,
    database: {
      chats: [
        { id: KITCHEN, name: 'kitchen', epoch: 'e', lastSeq: 13 },
        { id: GARDEN, name: 'garden', epoch: 'f', lastSeq: 5 },
      ],
      rows: structuredClone(rows),
      threads: [],
      reactions: [],
      unsummarised: 0,
      marks: [],
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
  it('finds nothing in a run with inboxes in which all is well', () => {
    expect(check(run.entries, run.database)).toEqual([]);
  });

  describe('the changes of a chat', () => {
    it('finds one that was left out', () => {
      forget(2, KITCHEN, 9);
      expect(broken()).toEqual(['no hole']);
    });

    it('finds one that was left out between two connections', () => {
      remove('inbox.gap', () => true);
      insertAfter(seen(710, 4, KITCHEN, 10), ({ at }) => at === 705);
      insertAfter(seen(710, 4, KITCHEN, 11), ({ type, at }) => type === 'inbox.event' && at === 710);
      expect(broken()).toEqual(['no hole']);
    });

    it('finds one that came twice', () => {
      insertAfter(seen(611, 2, KITCHEN, 8), isSeen(2, KITCHEN, 8));
      expect(broken()).toEqual(['no repetition']);
    });

    it('finds one that came again over the next connection', () => {
      insertAfter(seen(871, 5, GARDEN, 4), ({ type, at }) => type === 'inbox.opened' && at === 870);
      expect(broken()).toEqual(['no repetition']);
    });

    it('lets a client be told again what its page has shown, and nothing else', () => {
      insertAfter(seen(615, 3, GARDEN, 3), isSeen(3, KITCHEN, 7));
      expect(broken()).toEqual([]);
      insertAfter(seen(892, 3, GARDEN, 3), isSeen(3, GARDEN, 5));
      expect(broken()).toEqual(['no repetition']);
    });

    it('finds two that came in the wrong order', () => {
      const [third, fourth] = [
        entry('inbox.event', isSeen(1, KITCHEN, 3)),
        entry('inbox.event', isSeen(1, KITCHEN, 4)),
      ];
      Object.assign(third, { ...seen(111, 1, KITCHEN, 4) });
      Object.assign(fourth, { ...seen(211, 1, KITCHEN, 3) });
      expect(broken()).toEqual(['no hole', 'no repetition']);
    });

    it('finds one that is not what was written', () => {
      entry('inbox.event', isSeen(1, KITCHEN, 3)).subject = 'another';
      expect(broken()).toEqual(['a change is what was written']);
    });

    it('finds one that was never written', () => {
      run.entries.push(seen(899, 2, GARDEN, 6));
      expect(broken()).toContain('a change is what was written');
    });

    it('finds one that shows its message as it never was', () => {
      entry('inbox.event', isSeen(1, KITCHEN, 3)).message = { sender: ANN, content: 'no' };
      expect(broken()).toEqual(['a change is what was written']);
    });

    it('finds one that shows its message older than itself', () => {
      const row = run.database.rows.find(({ chat, seq }) => chat === GARDEN && seq === 3);
      if (!row?.message) throw new Error('There is no such message.');
      const sent = row.message;
      row.message = { ...sent, pinnedBy: ANN };
      append({ chat: GARDEN, seq: 6, kind: 'message.pinned', subject: row.subject, actor: ANN, nonce: null });
      const pinned = { chat: GARDEN, cursor: 'f:6', kind: 'message.pinned' as const, subject: row.subject };
      for (const connection of [2, 3, 5])
        insertAfter(
          { at: 895, type: 'inbox.event', connection, position: `pin ${connection}`, seq: 6, ...pinned, message: sent },
          isSeen(connection, GARDEN, 5),
        );
      run.entries.push(
        {
          at: 893,
          type: 'change.invoked',
          id: 'ann-pin-1',
          act: 'pin',
          user: ANN,
          client: ANN,
          chat: GARDEN,
          messages: [row.subject],
          attempt: 1,
          edge: 'raw',
          service: 0,
        },
        {
          at: 899,
          type: 'change.acknowledged',
          id: 'ann-pin-1',
          attempt: 1,
          shown: [{ id: row.subject, message: row.message }],
        },
      );
      expect(broken()).toEqual(['a change shows its message as new as itself']);
    });

    it('finds one whose cursor is of another number, or of another history', () => {
      const event = entry('inbox.event', isSeen(1, KITCHEN, 3));
      event.cursor = 'e:4';
      expect(broken()).toEqual(['a cursor names its change']);
      event.cursor = 'f:3';
      expect(broken()).toEqual(['a cursor is of the history it came from']);
    });
  });

  describe('membership', () => {
    it('finds what was said after a removal', () => {
      insertAfter(seen(411, 1, KITCHEN, 6), isSeen(1, KITCHEN, 5));
      expect(broken()).toEqual(['removal is a barrier']);
    });

    it('finds what was said after the last removal', () => {
      insertAfter(seen(831, 2, KITCHEN, 13), isSeen(2, KITCHEN, 12));
      expect(broken()).toEqual(['removal is a barrier']);
    });

    it('finds a removal that was not told', () => {
      forget(1, KITCHEN, 5);
      expect(broken()).toEqual(['no hole']);
    });

    it('finds a last removal that was not told', () => {
      forget(2, KITCHEN, 12);
      expect(broken()).toEqual(['everybody reaches the head']);
    });

    it('finds a return that begins with another change', () => {
      forget(1, KITCHEN, 7);
      expect(broken()).toEqual(['a joining opens the chat']);
    });

    it('finds a first joining that begins with another change', () => {
      forget(2, KITCHEN, 7);
      expect(broken()).toEqual(['a joining opens the chat']);
    });

    it('finds a chat that nobody opens', () => {
      for (const seq of [7, 8, ...AWAY.kitchen, 12]) forget(2, KITCHEN, seq);
      expect(broken()).toEqual(['everybody reaches the head']);
    });

    it('lets a client hear the end of a chat that was not on its page any more', () => {
      insertAfter(seen(452, 2, KITCHEN, 5), ({ at, type }) => type === 'inbox.opened' && at === 451);
      expect(broken()).toEqual([]);
    });
  });

  describe('gaps', () => {
    it('finds one that begins too late', () => {
      entry('inbox.gap').after = 'e:9';
      expect(broken()).toContain('no hole');
    });

    it('finds one that begins too early', () => {
      entry('inbox.gap').after = 'e:7';
      expect(broken()).toEqual(['no repetition']);
    });

    it('finds one after which something is missing', () => {
      entry('inbox.gap').cursor = 'e:10';
      entry('inbox.opened', ({ connection }) => connection === 4).maxMissed = 1;
      expect(broken()).toEqual(['no stream lies', 'no hole']);
    });

    it('finds one of nothing', () => {
      entry('inbox.gap').cursor = 'e:8';
      expect(broken()).toContain('a gap is of something');
    });

    it('finds one that a removal is in', () => {
      Object.assign(entry('inbox.gap'), { at: 830, cursor: 'e:12' });
      forget(4, KITCHEN, 12);
      entry('inbox.opened', ({ connection }) => connection === 5).after = 'a gap';
      remove('inbox.live', ({ connection }) => connection === 4);
      run.entries.sort((a, b) => a.at - b.at);
      expect(broken()).toEqual(['a removal is told, also behind a gap']);
    });

    it('finds one where no more was missed than is wanted', () => {
      run.database.rows = run.database.rows.filter(({ chat, seq }) => chat !== KITCHEN || seq < 12);
      remove('inbox.event', ({ chat, seq }) => chat === KITCHEN && seq >= 12);
      remove('send.invoked', ({ nonce }) => nonce === 'ann-chat-1-13');
      remove('send.acknowledged', ({ nonce }) => nonce === 'ann-chat-1-13');
      remove('membership.invoked', ({ at }) => at === 800);
      remove('membership.acknowledged', ({ at }) => at === 810);
      for (const chat of run.database.chats) if (chat.id === KITCHEN) chat.lastSeq = 11;
      entry('inbox.opened', ({ connection }) => connection === 5).after = 'up to date';
      expect(broken()).toEqual([]);
      entry('inbox.opened', ({ connection }) => connection === 4).maxMissed = 3;
      expect(broken()).toEqual(['no more than is wanted is no gap']);
    });

    it('finds more changes than are wanted', () => {
      const all = AWAY.kitchen.map((seq) => seen(710, 4, KITCHEN, seq));
      run.entries.splice(run.entries.indexOf(entry('inbox.gap')), 1, ...all);
      entry('inbox.opened', ({ connection }) => connection === 4).maxMissed = 3;
      expect(broken()).toEqual([]);
      entry('inbox.opened', ({ connection }) => connection === 4).maxMissed = 2;
      expect(broken()).toEqual(['more than is wanted is a gap']);
    });

    it('finds a whole membership that nothing is said of', () => {
      append(member(KITCHEN, 14, 'member.added', BOB), member(KITCHEN, 15, 'member.removed', BOB));
      append(member(KITCHEN, 16, 'member.added', BOB));
      run.entries.push(...changed(892, 'added'), ...changed(893, 'removed', 0), ...changed(894, 'added', 0));
      run.entries.sort((a, b) => a.at - b.at);
      for (const connection of [2, 3, 5])
        for (const seq of [14, 15, 16])
          insertBefore(seen(899, connection, KITCHEN, seq), ({ type }) => type === 'inbox.finished');
      expect(broken()).toEqual([]);
      for (const seq of [14, 15]) forget(5, KITCHEN, seq);
      expect(broken()).toEqual(['no hole']);
    });
  });

  describe('positions', () => {
    it('finds a "live" before all that was missed has come', () => {
      const live = entry('inbox.live', ({ connection }) => connection === 4);
      live.position = 'come back';
      run.entries = run.entries.filter((each) => each !== live);
      insertAfter(live, ({ type, at }) => type === 'inbox.started' && at === 705);
      expect(broken()).toEqual(['no stream lies']);
    });

    it('finds a reset, as no history was replaced', () => {
      insertAfter({ at: 6, type: 'inbox.reset', connection: 1, position: 'first began' }, ({ at }) => at === 6);
      expect(broken()).toEqual(['no history was replaced']);
    });

    it('finds a harness that came back with another position than it had', () => {
      entry('inbox.opened', ({ connection }) => connection === 4).after = 'first began';
      expect(broken()).toEqual(['the harness keeps its cursor']);
    });

    it('lets a client begin with what happens from now on', () => {
      entry('inbox.opened', ({ connection }) => connection === 1).after = null;
      expect(broken()).toEqual([]);
    });
  });

  describe('reasons and time', () => {
    it('finds an inbox that is closed without a fault, or by a removal', () => {
      remove('fault.began', ({ fault }) => fault === 2);
      remove('fault.ended', ({ fault }) => fault === 2);
      expect(broken()).toEqual(['no socket closes without a reason']);
      entry('stream.closed', ({ connection }) => connection === 4).code = '4410';
      expect(broken()).toEqual(['no socket closes without a reason']);
    });

    it('finds an inbox that is refused', () => {
      run.entries.push(opened(895, 6, 'first', 'raw', 'chat-2 5'), {
        at: 896,
        type: 'stream.refused',
        connection: 6,
        code: 'HTTP 400',
      });
      expect(broken()).toEqual(['nobody is refused without a reason']);
    });

    it('finds a client that hears nothing for 2 s after the database is back', () => {
      databaseAway(860, 879);
      expect(broken()).toEqual([]);
      for (const each of run.entries) if (each.at >= 891) each.at += 2000;
      entry('inbox.event', isSeen(2, GARDEN, 5)).at = 892;
      entry('inbox.event', isSeen(3, GARDEN, 5)).at = 892;
      run.entries.sort((a, b) => a.at - b.at);
      expect(broken()).toEqual(['everything goes on within 2 s']);
    });

    it('finds a client that a transaction keeps waiting', () => {
      for (const each of run.entries) if (each.at >= 880) each.at += 1200;
      run.entries.unshift(
        { at: 2070, type: 'fault.began', fault: 8, name: 'hold transaction', target: 'horizon' },
        { at: 4100, type: 'fault.ended', fault: 8 },
      );
      expect(broken()).toEqual([]);
      for (const each of run.entries) if (each.at >= 2091 && each.type !== 'fault.ended') each.at += 2100;
      expect(broken()).toEqual(['healthy sockets do not notice']);
    });

    it('finds a change that comes late without Redis, and none in a chat that the client has just joined', () => {
      run.entries.unshift(
        { at: 595, type: 'fault.began', fault: 8, name: 'kill redis', target: 'redis' },
        { at: 612, type: 'fault.ended', fault: 8 },
      );
      for (const each of run.entries) if (each.at >= 611) each.at += 3000;
      expect(broken()).toEqual([]);
      for (const each of run.entries) if (each.at >= 595) each.at += 2000;
      expect(broken()).toEqual(['listeners get changes within about a second without Redis']);
    });
  });
});

function member(chat: string, seq: number, kind: 'member.added' | 'member.removed', subject: string): Row {
  return { chat, seq, kind, subject, actor: null, nonce: null };
}

function message(chat: string, seq: number): Row {
  const nonce = `ann-${chat}-${seq}`;
  const subject = `message-${chat}-${seq}`;
  const shown = { sender: ANN, content: nonce };
  return { chat, seq, kind: 'message.created', subject, actor: ANN, nonce, versions: [nonce], message: shown };
}

function began(at: number, listener: string, chats: Record<string, number>): Entry {
  const shown = Object.entries(chats).map(([chat, seq]) => ({ chat, cursor: cursorOf(chat, seq) }));
  return { at, type: 'inbox.began', listener, user: BOB, position: `${listener} began`, chats: shown };
}

function opened(
  at: number,
  connection: number,
  listener: string,
  edge: StreamEdge,
  after: string,
  maxMissed = 5000,
): Entry {
  const service = connection === 1 ? 1 : 0;
  return { at, type: 'inbox.opened', connection, listener, user: BOB, edge, service, after, maxMissed };
}

/** With a position that names it. */
function seen(at: number, connection: number, chat: string, seq: number): EntryOf<'inbox.event'> {
  const row = rows.find((each) => each.chat === chat && each.seq === seq) ?? later(chat, seq);
  const { kind, subject, message: shown } = row;
  const change: Change = { seq, kind, subject, ...(shown && { message: { ...shown } }) };
  return {
    at,
    type: 'inbox.event',
    connection,
    position: `${chat} ${seq}`,
    chat,
    cursor: cursorOf(chat, seq),
    ...change,
  };
}

/** Of a row that a test adds. */
function later(chat: string, seq: number): Row {
  if (chat === GARDEN) return message(chat, seq);
  return member(chat, seq, seq % 2 === 0 ? 'member.added' : 'member.removed', BOB);
}

function seenBy(connections: number[], at: number, chat: string, seq: number): Entry[] {
  return connections.map((connection) => seen(at, connection, chat, seq));
}

function gap(at: number, connection: number, after: number, cursor: number): Entry {
  const bounds = { after: cursorOf(KITCHEN, after), cursor: cursorOf(KITCHEN, cursor) };
  return { at, type: 'inbox.gap', connection, position: 'a gap', chat: KITCHEN, ...bounds };
}

/** Bob is removed from the kitchen, or added to it. */
function changed(at: number, change: 'added' | 'removed', tookMs = 10): Entry[] {
  const about = { change, user: BOB, chat: KITCHEN };
  return [
    { at, type: 'membership.invoked', ...about },
    { at: at + tookMs, type: 'membership.acknowledged', ...about },
  ];
}

/** A send and, ten milliseconds later, its acknowledgement. */
function sent(at: number, chat: string, seq: number): Entry[] {
  const nonce = `ann-${chat}-${seq}`;
  const state = { sender: ANN, content: nonce };
  return [
    {
      at,
      type: 'send.invoked',
      user: ANN,
      client: ANN,
      chat,
      nonce,
      content: nonce,
      attempt: 1,
      edge: 'raw',
      service: 0,
    },
    { at: at + 10, type: 'send.acknowledged', nonce, attempt: 1, seq, message: `message-${chat}-${seq}`, state },
  ];
}

function cursorOf(chat: string, seq: number): string {
  return `${EPOCHS[chat]}:${seq}`;
}

function isSeen(connection: number, chat: string, seq: number): (entry: Entry) => boolean {
  return (each) =>
    each.type === 'inbox.event' && each.connection === connection && each.chat === chat && each.seq === seq;
}

/** The first matching entry of this type. */
function entry<Type extends Entry['type']>(
  type: Type,
  fits: (entry: EntryOf<Type>) => boolean = () => true,
): EntryOf<Type> {
  const found = run.entries.find((each): each is EntryOf<Type> => isOf(each, type) && fits(each));
  if (!found) throw new Error(`There is no such ${type}.`);
  return found;
}

function isOf<Type extends Entry['type']>(each: Entry, type: Type): each is EntryOf<Type> {
  return each.type === type;
}

function remove<Type extends Entry['type']>(type: Type, fits: (entry: EntryOf<Type>) => boolean): void {
  const gone = run.entries.filter((each): each is EntryOf<Type> => isOf(each, type) && fits(each));
  run.entries = run.entries.filter((each) => !gone.some((one) => one === each));
}

/** A client is not told of this change. */
function forget(connection: number, chat: string, seq: number): void {
  run.entries = run.entries.filter((each) => !isSeen(connection, chat, seq)(each));
}

function insertAfter(added: Entry, fits: (entry: Entry) => boolean): void {
  run.entries.splice(run.entries.findIndex(fits) + 1, 0, added);
}

function insertBefore(added: Entry, fits: (entry: Entry) => boolean): void {
  run.entries.splice(run.entries.findIndex(fits), 0, added);
}

function append(...added: Row[]): void {
  for (const row of added) {
    run.database.rows.push(row);
    for (const chat of run.database.chats) if (chat.id === row.chat) chat.lastSeq = row.seq;
  }
}

function databaseAway(from: number, to: number): void {
  run.entries.unshift(
    { at: from, type: 'fault.began', fault: 9, name: 'crash postgres', target: 'postgres' },
    { at: to, type: 'fault.ended', fault: 9 },
  );
}
