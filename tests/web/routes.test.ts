import { describe, expect, it } from 'vitest';
import { addressOf, parseRoute, type Route } from '../../web/src/ui/routes.js';
import { untilTime } from '../../web/src/ui/times.js';

const ID = '019ae1c4-5a3e-7c1e-9d42-0a1b2c3d4e5f';

describe('the addresses of views', () => {
  const routes: Route[] = [
    { view: 'home' },
    { view: 'chat', chatId: ID },
    { view: 'chat', chatId: ID, panel: { name: 'bans' } },
    { view: 'chat', chatId: ID, panel: { name: 'thread', rootId: ID } },
    { view: 'join', code: 'cil_/?#%' },
    { view: 'discover' },
    { view: 'reports' },
  ];
  it.each(routes)('lead to what they were made of: %o', (route) => {
    expect(parseRoute(addressOf(route))).toEqual(route);
  });

  it.each(['#/chat/%E0%A4%A', '#/chat/x', '#/chat/../../people', '#/__proto__', '#//example.com', '#/%', '#/join/'])(
    'that are made up lead to the chats: %s',
    (hash) => {
      expect(parseRoute(hash)).toEqual({ view: 'home' });
    },
  );

  it('of a thread that cannot be there leads to its chat', () => {
    expect(parseRoute(`#/chat/${ID}/thread/x`)).toEqual({ view: 'chat', chatId: ID });
  });
});

describe('the time at which something ends', () => {
  const now = new Date(2026, 10, 30, 12);
  const at = (...parts: [number, number, number, number]) => new Date(...parts).toISOString();

  it('has a day where it is not today, and a date where the day of the week could be another', () => {
    expect(untilTime(at(2026, 10, 30, 15), now)).toMatch(/^until [^,]+$/);
    expect(untilTime(at(2026, 11, 2, 15), now)).toMatch(/^until \w+, [^,]+$/);
    expect(untilTime(at(2026, 11, 7, 15), now)).toContain('7');
    expect(untilTime(at(2027, 0, 7, 15), now)).toContain('2027');
  });

  it('is nothing without an end', () => {
    expect(untilTime(null, now)).toBe('');
    expect(untilTime('9999-12-31T23:59:59.999Z', now)).toBe('');
  });
});
