import { describe, expect, it } from 'vitest';
import type { PresenceEntry, PresenceMessage } from '../../../src/delivery/presence/presence-on-bus.js';
import { Roster } from '../../../src/delivery/presence/roster.js';

const LINGER_MS = 5000;
const SILENCE_MS = 60_000;

function newRoster() {
  const heard = { changed: [] as string[], gone: [] as [string, number][], older: [] as string[] };
  const roster = new Roster({
    lingerMs: LINGER_MS,
    silenceMs: SILENCE_MS,
    onChange: (userId) => heard.changed.push(userId),
    onGone: (userId, minute) => heard.gone.push([userId, minute]),
    onOlderChoice: (userId) => heard.older.push(userId),
  });
  return { roster, heard };
}

const online = (userId: string, more: Partial<PresenceEntry> = {}): PresenceEntry => ({
  ...{ userId, isOnline: true, minute: 1, choice: 'automatic', chosenAt: 0 },
  ...more,
});
const offline = (userId: string): PresenceEntry => online(userId, { isOnline: false });

const message = (process: string, n: number, entries: PresenceEntry[], more: Partial<PresenceMessage> = {}) => ({
  ...{ process, n, entries, begins: false, ends: false, asks: [], isLeaving: false },
  ...more,
});

describe('a user', () => {
  it('is online as long as one process says so', () => {
    const { roster, heard } = newRoster();
    roster.hear(message('p', 1, [online('ann')]), 0);
    roster.hear(message('q', 1, [online('ann', { minute: 7 })]), 0);
    roster.hear(message('p', 2, [offline('ann')]), 0);
    expect(roster.statusOf('ann', false)).toBe('online');
    roster.hear(message('q', 2, [offline('ann')]), 0);
    expect(roster.statusOf('ann', false)).toBe('offline');
    expect(heard).toEqual({ changed: ['ann', 'ann'], gone: [['ann', 7]], older: [] });
    expect(roster.size).toBe(0);
  });

  it('who is invisible is offline to others and online to themselves, until they are gone', () => {
    const { roster } = newRoster();
    roster.hear(message('p', 1, [online('ann')]), 0);
    roster.choose('ann', 'invisible', 100, 0);
    expect([roster.statusOf('ann', false), roster.statusOf('ann', true)]).toEqual(['offline', 'online']);
    // Another process has not heard of the choice yet; the later one counts.
    roster.hear(message('q', 1, [online('ann', { choice: 'away', chosenAt: 50 })]), 0);
    expect(roster.choiceOf('ann')).toMatchObject({ choice: 'invisible' });
    roster.hear(message('q', 2, [online('ann', { choice: 'away', chosenAt: 150 })]), 0);
    expect(roster.statusOf('ann', false)).toBe('away');
    roster.hear(message('p', 2, [offline('ann')]), 0);
    roster.hear(message('q', 3, [offline('ann'), online('ann')]), 0);
    expect(roster.statusOf('ann', false)).toBe('online');
  });

  it('is repeated by who knows a later choice than another process', () => {
    const { roster, heard } = newRoster();
    roster.hear(message('p', 1, [online('ann', { choice: 'invisible', chosenAt: 9 })]), 0);
    roster.hear(message('q', 1, [online('ann')]), 0);
    expect(heard.older).toEqual(['ann']);
  });

  it('may choose a moment before the first socket opens', () => {
    const { roster } = newRoster();
    roster.choose('ann', 'invisible', 100, 0);
    roster.choose('bob', 'invisible', 100, 0);
    roster.sweep(LINGER_MS - 1);
    roster.hear(message('p', 1, [online('ann')]), LINGER_MS - 1);
    roster.sweep(LINGER_MS);
    roster.hear(message('p', 2, [online('bob')]), LINGER_MS);
    expect([roster.statusOf('ann', false), roster.statusOf('bob', false)]).toEqual(['offline', 'online']);
  });
});

describe('a process', () => {
  it('that is silent takes its users offline, and only those who are nowhere else', () => {
    const { roster } = newRoster();
    roster.hear(message('p', 1, [online('ann'), online('bob')]), 0);
    roster.hear(message('q', 1, [online('bob')]), 0);
    roster.hear(message('q', 2, []), 30_000);
    roster.sweep(SILENCE_MS - 1);
    expect(roster.size).toBe(2);
    roster.sweep(SILENCE_MS);
    expect([roster.statusOf('ann', false), roster.statusOf('bob', false)]).toEqual(['offline', 'online']);
    // It was only slow, and has to say everything again.
    expect(roster.hear(message('p', 2, []), SILENCE_MS + 1)).toBe(false);
  });

  it('that says farewell takes its users along only after they had time to come back', () => {
    const { roster, heard } = newRoster();
    roster.hear(message('p', 1, [online('ann'), online('bob')]), 0);
    roster.hear(message('p', 2, [], { isLeaving: true }), 1000);
    roster.hear(message('q', 1, [online('ann')]), 3000);
    roster.sweep(1000 + LINGER_MS - 1);
    expect(heard.changed).toEqual(['ann', 'bob']);
    roster.sweep(1000 + LINGER_MS);
    expect(heard.changed).toEqual(['ann', 'bob', 'bob']);
    expect(roster.size).toBe(1);
  });

  it('is asked when it was not heard from its beginning, or a message of it is missing', () => {
    const { roster } = newRoster();
    expect(roster.hear(message('p', 1, []), 0)).toBe(true);
    expect(roster.hear(message('p', 3, []), 0)).toBe(false);
    expect(roster.hear(message('p', 4, []), 0)).toBe(true);
    expect(roster.hear(message('q', 7, []), 0)).toBe(false);
    expect(roster.hear(message('r', 7, [], { begins: true }), 0)).toBe(true);
  });

  it('that repeats its users takes those offline whom it does not name', () => {
    const { roster } = newRoster();
    roster.hear(message('p', 1, [online('ann'), online('bob'), online('cid')]), 0);
    // The second message said that ann is gone, and was lost.
    roster.hear(message('p', 3, [online('bob')], { begins: true }), 0);
    expect(roster.size).toBe(3);
    roster.hear(message('p', 4, [online('cid')], { ends: true }), 0);
    expect(['ann', 'bob', 'cid'].map((user) => roster.statusOf(user, false))).toEqual(['offline', 'online', 'online']);
  });

  it('takes nobody offline by a repetition of which a part was lost', () => {
    const { roster } = newRoster();
    roster.hear(message('p', 1, [online('ann'), online('bob')]), 0);
    roster.hear(message('p', 2, [online('ann')], { begins: true }), 0);
    expect(roster.hear(message('p', 4, [], { ends: true }), 0)).toBe(false);
    expect(roster.size).toBe(2);
  });

  it('is not believed what it said before', () => {
    const { roster } = newRoster();
    roster.hear(message('p', 1, [online('ann')]), 0);
    roster.hear(message('p', 2, [offline('ann')]), 0);
    roster.hear(message('p', 1, [online('ann')]), 0);
    expect(roster.size).toBe(0);
  });
});
