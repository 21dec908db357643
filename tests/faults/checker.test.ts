import { beforeEach, describe, expect, it } from 'vitest';
import { check } from './checker.js';
import type { DatabaseState, Row } from './database-state.js';
import type { Change, Entry, EntryOf } from './entries.js';

const CHAT = 'chat-1';
/** Broken together with other rules by whatever is missing in a stream. */
const VIEW = "a client's view equals the database";
const [ANN, BOB, CID] = ['ann', 'bob', 'cid'];

const rows: Row[] = [
  { chat: CHAT, seq: 1, kind: 'member.added', subject: ANN, actor: null, nonce: null },
  { chat: CHAT, seq: 2, kind: 'member.added', subject: BOB, actor: null, nonce: null },
  message(3, 'ann-1'),
  message(4, 'ann-2'),
  { chat: CHAT, seq: 5, kind: 'member.removed', subject: BOB, actor: null, nonce: null },
  message(6, 'ann-3'),
  { chat: CHAT, seq: 7, kind: 'member.added', subject: BOB, actor: null, nonce: null },
  message(8, 'ann-4'),
];

/**
 * A run in which all is well. Ann sends four messages; the answer to the third is lost with a service, and it is sent again.
 * Cid listens on the raw channel all the time. Bob listens by GraphQL and is removed and added again.
 */
function goodRun(): { entries: Entry[]; database: DatabaseState } {
  const entries: Entry[] = [
    opened(0, 1, CID, 'raw', null),
    { at: 10, type: 'stream.started', connection: 1, cursor: 'e:2' },
    { at: 10, type: 'stream.live', connection: 1, cursor: 'e:2' },
    opened(0, 2, BOB, 'graphql', 'e:0'),
    seen(20, 2, 1),
    seen(20, 2, 2),
    ...sent(100, 'ann-1', 3),
    seen(111, 1, 3),
    seen(111, 2, 3),
    ...sent(200, 'ann-2', 4),
    seen(211, 1, 4),
    seen(211, 2, 4),
    { at: 300, type: 'membership.invoked', change: 'removed', user: BOB, chat: CHAT },
    { at: 310, type: 'membership.acknowledged', change: 'removed', user: BOB, chat: CHAT },
    seen(311, 1, 5),
    seen(311, 2, 5),
    { at: 312, type: 'stream.closed', connection: 2, code: 'complete', reason: '' },
    opened(320, 3, BOB, 'graphql', 'e:5'),
    { at: 330, type: 'stream.refused', connection: 3, code: 'NOT_FOUND' },
    { at: 390, type: 'fault.began', fault: 1, name: 'kill service', target: 'service', service: 1 },
    {
      at: 400,
      type: 'send.invoked',
      user: ANN,
      client: ANN,
      chat: CHAT,
      nonce: 'ann-3',
      content: 'ann-3',
      attempt: 1,
      edge: 'raw',
      service: 1,
    },
    seen(405, 1, 6),
    { at: 410, type: 'send.lost', nonce: 'ann-3', attempt: 1, reason: 'the socket closed' },
    ...sent(420, 'ann-3', 6, 2),
    { at: 490, type: 'fault.ended', fault: 1 },
    { at: 500, type: 'membership.invoked', change: 'added', user: BOB, chat: CHAT },
    { at: 510, type: 'membership.acknowledged', change: 'added', user: BOB, chat: CHAT },
    seen(511, 1, 7),
    opened(520, 4, BOB, 'graphql', 'e:5'),
    seen(530, 4, 6),
    seen(530, 4, 7),
    ...sent(600, 'ann-4', 8),
    seen(611, 1, 8),
    seen(611, 4, 8),
    { at: 700, type: 'listener.finished', listener: 'by cid', chat: CHAT, seq: 8, head: 8 },
    { at: 700, type: 'listener.finished', listener: 'by bob', chat: CHAT, seq: 8, head: 8 },
    { at: 710, type: 'history', chat: CHAT, service: 0, changes: rows.map(changeOf) },
  ];
  return {
    entries,
    database: {
      chats: [{ id: CHAT, name: 'kitchen', epoch: 'e', lastSeq: 8 }],
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
  run = goodRun();
});

/** The promises that the run, as it was changed so far, breaks. */
function broken(): string[] {
  return [...new Set(check(run.entries, run.database).map(({ rule }) => rule))];
}

describe('the checker', () => {
  it('finds nothing in a run in which all is well', () => {
    expect(check(run.entries, run.database)).toEqual([]);
  });

  describe('sends', () => {
    it('finds an acknowledged message that is gone', () => {
      rowOf(3).nonce = 'another';
      expect(broken()).toEqual(['nothing acknowledged is lost', 'nobody else writes']);
    });

    it('finds a message that has another number than its sender was told', () => {
      entry('send.acknowledged', ({ nonce }) => nonce === 'ann-2').seq = 5;
      expect(broken()).toContain('what was acknowledged is what was written');
    });

    it('finds a message whose content changed on its way', () => {
      const row = rowOf(3);
      row.versions = ['something else'];
      row.message = { sender: ANN, content: 'something else' };
      expect(broken()).toContain('what was acknowledged is what was written');
    });

    it('finds a nonce that made two messages', () => {
      append(message(9, 'ann-4'));
      expect(broken()).toContain('a nonce makes one message');
    });

    it('finds a send that was repeated after a lost answer and made two messages', () => {
      append(message(9, 'ann-3'));
      expect(broken()).toContain('a nonce makes one message');
    });

    it('finds a message that nobody sent', () => {
      append(message(9, 'eve-1'));
      expect(broken()).toContain('nobody else writes');
    });

    it('finds a send that was never answered', () => {
      remove('send.acknowledged', ({ nonce }) => nonce === 'ann-4');
      expect(broken()).toEqual(['every send is answered in the end']);
    });

    it('lets a message without an answer be there or not, once', () => {
      remove('send.acknowledged', ({ nonce }) => nonce === 'ann-3');
      expect(broken()).toEqual(['every send is answered in the end']);
    });

    it("finds a sender's messages in another order than they were sent", () => {
      const [first, second] = [
        entry('send.acknowledged', ({ nonce }) => nonce === 'ann-1'),
        entry('send.acknowledged', ({ nonce }) => nonce === 'ann-2'),
      ];
      [first.seq, second.seq] = [4, 3];
      [rowOf(3).nonce, rowOf(4).nonce] = ['ann-2', 'ann-1'];
      expect(broken()).toContain("a sender's own order is kept");
    });
  });

  describe('the log', () => {
    it('finds a hole in the numbers', () => {
      run.database.rows = run.database.rows.filter(({ seq }) => seq !== 4);
      expect(broken()).toContain('numbers are 1..n');
    });

    it('finds a head that is not the last number', () => {
      for (const chat of run.database.chats) chat.lastSeq = 9;
      expect(broken()).toEqual(['numbers are 1..n']);
    });

    it('finds a history query that leaves something out', () => {
      entry('history').changes.splice(3, 1);
      expect(broken()).toEqual(['the history query tells what was written']);
    });

    it('finds a history query that tells something else', () => {
      entry('history').changes.splice(3, 1, {
        ...changeOf(message(4, 'ann-2')),
        message: { sender: ANN, content: 'no' },
      });
      expect(broken()).toEqual(['the history query tells what was written']);
    });
  });

  describe('streams', () => {
    it('finds a change that was left out', () => {
      remove('stream.event', ({ connection, seq }) => connection === 1 && seq === 4);
      expect(broken()).toEqual(['no hole', VIEW]);
    });

    it('finds a change that was left out between two connections', () => {
      remove('stream.event', ({ connection, seq }) => connection === 4 && seq === 6);
      expect(broken()).toEqual(['no hole', VIEW]);
    });

    it('finds a change that came twice', () => {
      insertAfter(seen(212, 1, 4), ({ at, type }) => type === 'stream.event' && at === 211);
      expect(broken()).toEqual(['no repetition']);
    });

    it('finds two changes that came in the wrong order', () => {
      const [third, fourth] = [3, 4].map((wanted) =>
        entry('stream.event', ({ connection, seq }) => connection === 1 && seq === wanted),
      );
      if (third && fourth) [third.at, fourth.at] = [fourth.at, third.at];
      run.entries.sort((a, b) => a.at - b.at);
      expect(broken()).toEqual(['no hole', 'no repetition']);
    });

    it('finds a change that is not what was written', () => {
      const message = { sender: ANN, content: 'no' };
      entry('stream.event', ({ connection, seq }) => connection === 1 && seq === 3).message = message;
      expect(broken()).toEqual(['a change is what was written', VIEW]);
    });

    it('finds a change that was never written', () => {
      run.entries.push(seen(690, 1, 9));
      expect(broken()).toContain('a change is what was written');
    });

    it('finds a cursor of another number than its change', () => {
      entry('stream.event', ({ connection, seq }) => connection === 1 && seq === 3).cursor = 'e:4';
      expect(broken()).toEqual(['a cursor names its change']);
    });

    it('finds a cursor of another history', () => {
      entry('stream.event', ({ connection, seq }) => connection === 1 && seq === 3).cursor = 'f:3';
      expect(broken()).toEqual(['a cursor is of the history it came from']);
    });

    it('finds a stream that starts elsewhere than it was asked to', () => {
      entry('stream.opened', ({ connection }) => connection === 1).after = 'e:1';
      expect(broken()).toContain('a stream starts at its cursor');
    });

    it('finds a "live" that claims more than was delivered', () => {
      entry('stream.live').cursor = 'e:3';
      expect(broken()).toEqual(['no stream lies']);
    });

    it('finds a reset, as no history was replaced', () => {
      insertAfter({ at: 10, type: 'stream.reset', connection: 1, cursor: 'e:2' }, ({ type }) => type === 'stream.live');
      expect(broken()).toEqual(['no history was replaced']);
    });

    it('finds a listener that did not reach the head', () => {
      remove('stream.event', ({ connection, seq }) => connection === 1 && seq === 8);
      entry('listener.finished').seq = 7;
      expect(broken()).toEqual(['everybody reaches the head']);
    });

    it('finds a harness that came back with another cursor than it had', () => {
      entry('stream.opened', ({ connection }) => connection === 4).after = 'e:4';
      expect(broken()).toContain('the harness keeps its cursor');
    });
  });

  describe('removal', () => {
    it('finds a change that reached who had been removed', () => {
      insertAfter(seen(406, 2, 6), ({ at }) => at === 405);
      expect(broken()).toContain('removal is a barrier');
    });

    it('finds a stream that crossed the removal and went on after the addition', () => {
      remove('stream.closed', () => true);
      for (const connection of [3, 4]) remove('stream.opened', (each) => each.connection === connection);
      remove('stream.refused', () => true);
      for (const event of run.entries)
        if (event.type === 'stream.event' && event.connection === 4) event.connection = 2;
      expect(broken()).toContain('removal is a barrier');
    });

    it('finds a stream that stays open after the removal', () => {
      remove('stream.closed', () => true);
      expect(broken()).toEqual(['a removal ends the stream']);
    });

    it('finds a message of who had been removed', () => {
      rowOf(6).actor = BOB;
      expect(broken()).toContain('who was removed writes nothing');
    });

    it('finds a refusal of who had not been removed', () => {
      entry('stream.refused').at = 250;
      entry('stream.opened', ({ connection }) => connection === 3).at = 240;
      expect(broken()).toEqual(['nobody is refused without a reason']);
    });
  });

  describe('reasons', () => {
    it('finds an answer that was lost by a service that lived', () => {
      remove('fault.began', () => true);
      expect(broken()).toEqual(['a living service answers']);
    });

    it('finds a send that was refused while the database was there', () => {
      refuse('SERVICE_UNAVAILABLE', 440);
      expect(broken()).toEqual(['nobody is refused without a reason']);
    });

    it('lets a send be refused while the database is away', () => {
      databaseAway(430, 450);
      refuse('SERVICE_UNAVAILABLE', 440);
      expect(broken()).toEqual([]);
    });

    it('finds a send that is refused as our fault, whatever is broken', () => {
      databaseAway(430, 450);
      refuse('INTERNAL_SERVER_ERROR', 440);
      expect(broken()).toContain('nobody is refused without a reason');
    });

    it('finds a send that is answered after more than 3 s', () => {
      databaseAway(430, 4000);
      refuse('SERVICE_UNAVAILABLE', 3900);
      run.entries.sort((a, b) => a.at - b.at);
      expect(broken()).toContain('a request is answered within 3 s');
    });

    it('finds a socket that was closed without a fault', () => {
      run.entries.push({ at: 690, type: 'stream.closed', connection: 1, code: '1006', reason: '' });
      expect(broken()).toEqual(['no socket closes without a reason']);
    });

    it('lets a socket close whose service was killed', () => {
      run.entries.push(
        { at: 680, type: 'fault.began', fault: 9, name: 'kill service', target: 'service', service: 0 },
        { at: 690, type: 'stream.closed', connection: 1, code: '1006', reason: '' },
        { at: 699, type: 'fault.ended', fault: 9 },
      );
      expect(broken()).toEqual([]);
    });

    it('lets a stream end at a change that could not be read whole while the database was away, and only then', () => {
      run.entries.push({ at: 690, type: 'stream.closed', connection: 1, code: 'error', reason: 'SERVICE_UNAVAILABLE' });
      expect(broken()).toEqual(['no socket closes without a reason']);
      databaseAway(612, 689);
      expect(broken()).toEqual([]);
      entry('stream.closed', ({ connection }) => connection === 1).reason = 'INTERNAL_SERVER_ERROR';
      expect(broken()).toEqual(['no socket closes without a reason']);
    });

    it('finds a service that ended by itself', () => {
      run.entries.push({ at: 690, type: 'service.exited', service: 0, how: 'exit code 1' });
      expect(broken()).toEqual(['no process ends']);
    });
  });

  describe('time', () => {
    it('finds a sender that waits for more than 2 s after the database is back', () => {
      databaseAway(590, 605);
      entry('send.acknowledged', ({ nonce }) => nonce === 'ann-4').at = 2700;
      expect(broken()).toContain('everything goes on within 2 s');
    });

    it('finds a listener that hears nothing for 2 s after the database is back', () => {
      databaseAway(590, 605);
      entry('stream.event', ({ connection, seq }) => connection === 1 && seq === 8).at = 2700;
      expect(broken()).toEqual(['everything goes on within 2 s']);
    });

    it('finds a change that comes late without Redis', () => {
      later(2000);
      run.entries.push(
        { at: 2590, type: 'fault.began', fault: 9, name: 'kill redis', target: 'redis' },
        { at: 2700, type: 'fault.ended', fault: 9 },
      );
      expect(broken()).toEqual([]);
      entry('stream.event', ({ connection, seq }) => connection === 1 && seq === 8).at = 5300;
      expect(broken()).toEqual(['listeners get changes within about a second without Redis']);
    });

    it('finds a stalled socket that still gets what was written after 15 s', () => {
      stalled(600, 17_000);
      entry('send.acknowledged', ({ nonce }) => nonce === 'ann-4').at = 16_000;
      entry('send.invoked', ({ nonce }) => nonce === 'ann-4').at = 15_990;
      entry('stream.event', ({ connection, seq }) => connection === 1 && seq === 8).at = 17_010;
      run.entries.push({ at: 17_020, type: 'stream.closed', connection: 1, code: '1013', reason: 'too_slow' });
      expect(broken()).toEqual(['a socket that does not read is closed within 15 s']);
    });

    it('counts the 15 s from when the buffers of a stalled socket were full', () => {
      later(16_000);
      stalled(1000, 34_000);
      run.entries.push({ at: 34_020, type: 'stream.closed', connection: 1, code: '1013', reason: 'too_slow' });
      expect(broken()).toEqual(['a socket that does not read is closed within 15 s']);
      run.entries.push({ at: 18_000, type: 'fault.filled', fault: 8 });
      expect(broken()).toEqual([]);
    });

    it('finds a stalled socket that is never closed', () => {
      stalled(605, 17_000);
      expect(broken()).toEqual(['a socket that does not read is closed within 15 s']);
      run.entries.push({ at: 17_020, type: 'stream.closed', connection: 1, code: '1013', reason: 'too_slow' });
      expect(broken()).toEqual([]);
    });

    it('finds a stalled socket that is still open after TCP had its time to tell of the close', () => {
      stalled(605, 17_000);
      run.entries.push({ at: 48_000, type: 'stream.closed', connection: 1, code: '1006', reason: '' });
      expect(broken()).toEqual([]);
      entry('stream.closed', ({ connection }) => connection === 1).at = 50_000;
      expect(broken()).toEqual(['a socket that does not read is closed within 15 s']);
    });

    it('finds a healthy listener that waits because another is stalled', () => {
      later(2000);
      stalled(605, 3000);
      for (const fault of run.entries)
        if (fault.type === 'fault.began' && fault.fault === 8) fault.listeners = ['by bob'];
      expect(broken()).toEqual([]);
      entry('stream.event', ({ connection, seq }) => connection === 1 && seq === 8).at = 4900;
      expect(broken()).toEqual(['healthy sockets do not notice']);
    });

    it('finds a fault that was never mended', () => {
      run.entries.push({ at: 690, type: 'fault.began', fault: 9, name: 'kill redis', target: 'redis' });
      expect(broken()).toEqual(['the harness mends what it breaks']);
    });
  });
});

function message(seq: number, nonce: string): Row {
  const message = { sender: ANN, content: nonce };
  const change = { seq, kind: 'message.created' as const, subject: `message-${seq}`, message };
  return { chat: CHAT, actor: ANN, nonce, versions: [nonce], ...change };
}

function changeOf({ seq, kind, subject, message }: Row): Change {
  return { seq, kind, subject, ...(message && { message: { ...message } }) };
}

function opened(at: number, connection: number, user: string, edge: 'raw' | 'graphql', after: string | null): Entry {
  return { at, type: 'stream.opened', connection, listener: `by ${user}`, user, chat: CHAT, edge, service: 0, after };
}

function seen(at: number, connection: number, seq: number): Entry {
  const row = rows[seq - 1] ?? message(seq, 'nowhere');
  return { at, type: 'stream.event', connection, cursor: `e:${seq}`, ...changeOf(row) };
}

/** A send and, ten milliseconds later, its acknowledgement. */
function sent(at: number, nonce: string, seq: number, attempt = 1): Entry[] {
  return [
    {
      at,
      type: 'send.invoked',
      user: ANN,
      client: ANN,
      chat: CHAT,
      nonce,
      content: nonce,
      attempt,
      edge: 'raw',
      service: 0,
    },
    {
      at: at + 10,
      type: 'send.acknowledged',
      nonce,
      attempt,
      seq,
      message: `message-${seq}`,
      state: { sender: ANN, content: nonce },
    },
  ];
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

function remove<Type extends Entry['type']>(type: Type, fits: (entry: EntryOf<Type>) => boolean): void {
  const gone = entry(type, fits);
  run.entries = run.entries.filter((each) => each !== gone);
}

function insertAfter(added: Entry, fits: (entry: Entry) => boolean): void {
  run.entries.splice(run.entries.findIndex(fits) + 1, 0, added);
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

/** The second attempt at Ann's third message is refused, the third is acknowledged. */
function refuse(code: string, at: number): void {
  const acknowledged = entry('send.acknowledged', ({ nonce }) => nonce === 'ann-3');
  const [invoked] = sent(at + 5, 'ann-3', 6, 3);
  acknowledged.attempt = 3;
  acknowledged.at = at + 10;
  insertAfter({ at, type: 'send.refused', nonce: 'ann-3', attempt: 2, code }, ({ at: when }) => when === 420);
  if (invoked) insertAfter(invoked, ({ type }) => type === 'send.refused');
}

function databaseAway(from: number, to: number): void {
  run.entries.unshift(
    { at: from, type: 'fault.began', fault: 8, name: 'crash postgres', target: 'postgres' },
    { at: to, type: 'fault.ended', fault: 8 },
  );
}

function stalled(from: number, to: number): void {
  run.entries.unshift(
    { at: from, type: 'fault.began', fault: 8, name: 'stall', target: 'clients', listeners: ['by cid'] },
    { at: to, type: 'fault.ended', fault: 8 },
  );
}

/** Delays everything after Bob's return by this many milliseconds. */
function later(ms: number): void {
  for (const each of run.entries) if (each.at >= 600) each.at += ms;
}
