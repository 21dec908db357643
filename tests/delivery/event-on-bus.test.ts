import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MalformedEvent, parseEvent } from '../../src/delivery/event-on-bus.js';
import { CHAT_ROLES } from '../../src/domain/chat-role.js';
import { type ChatEvent, type KnownEntry, messageEntry, toEvent } from '../../src/domain/log/chat-events.js';
import { USER_KINDS } from '../../src/domain/profile.js';
import { assertProperty } from '../support/property.js';

const CHAT = '00000000-0000-7000-8000-000000000001';
const EPOCH = 'k3f9';

const id = fc.uuid();
const timestamp = fc
  .date({ min: new Date('1970-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
  .map((date) => date.toISOString());
const seq = fc.integer({ min: 1, max: 2 ** 31 - 1 });
const text = (minLength: number, maxLength: number) =>
  fc
    .string({ unit: 'binary', minLength, maxLength })
    .filter((value) => value.isWellFormed() && !value.includes('\0') && [...value].length >= minLength);
const profile = fc.record({
  id,
  username: text(1, 150),
  firstName: text(0, 150),
  lastName: text(0, 150),
  role: fc.constantFrom('user' as const, 'admin' as const),
  kind: fc.constantFrom(...USER_KINDS),
  dateJoined: timestamp,
});
const message = fc
  .record({ id, seq, content: text(1, 4000), nonce: fc.option(text(1, 128)), createdAt: timestamp, sender: profile })
  .map((fields) => messageEntry(EPOCH, { chatId: CHAT, ...fields }));
const role = fc.constantFrom(...CHAT_ROLES);
const type = fc.constantFrom('member.added' as const, 'member.updated' as const, 'member.removed' as const);
const change = fc
  .record({
    ...{ seq, at: timestamp, actor: fc.option(profile), user: profile, joinedAt: timestamp, role, type },
    mutedUntil: fc.option(timestamp),
  })
  .map(({ seq, at, actor, user, joinedAt, role, type, mutedUntil }): KnownEntry => {
    const base = { type, chatId: CHAT, epoch: EPOCH, seq, at, actor, subject: user };
    return type === 'member.removed' ? base : { ...base, membership: { role, joinedAt, mutedUntil } };
  });
/** What a process publishes. */
const entry = fc.oneof(message, change);

/** What is refused, and at which field and cursor; the event itself when it is taken. */
function outcome(payload: string): ChatEvent | { field: string; cursor: unknown } {
  try {
    return parseEvent(CHAT, payload);
  } catch (error) {
    if (!(error instanceof MalformedEvent)) throw error;
    return { field: error.field, cursor: error.cursor };
  }
}

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Every place in a value: the object and the key. */
function placesIn(value: Json): { holder: { [key: string]: Json }; key: string }[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
  return Object.keys(value).flatMap((key) => [{ holder: value, key }, ...placesIn(value[key] ?? null)]);
}

/** The entry as this version reads it: whoever has no kind is a person, and who has no mute is not muted. */
function entryIn(payload: string): KnownEntry {
  return JSON.parse(payload, (_key, value: unknown) => {
    if (typeof value !== 'object' || value === null) return value;
    if ('dateJoined' in value) return { kind: 'human', ...value };
    return 'joinedAt' in value ? { mutedUntil: null, ...value } : value;
  });
}

describe('an event from the bus', () => {
  it('is read as it was written, whatever its kind', async () => {
    await assertProperty(
      fc.property(entry, (written) => {
        expect(parseEvent(CHAT, JSON.stringify(written))).toEqual(toEvent(written));
      }),
    );
  });

  it('loses the members that this version does not know', async () => {
    await assertProperty(
      fc.property(entry, fc.jsonValue(), (written, extra) => {
        const more: Json = JSON.parse(JSON.stringify({ ...written, editedAt: extra, actor: written.actor }));
        for (const { holder } of placesIn(more)) holder.reactions ??= 'new';
        expect(parseEvent(CHAT, JSON.stringify(more))).toEqual(toEvent(written));
      }),
    );
  });

  it('is malformed when a member is missing or of another type, and its error has the cursor of the event', async () => {
    const others: Json[] = [[], {}, -1, 1.5, 2 ** 31, 'x\0', '\ud800', '2026', 'x'.repeat(8001), true];
    await assertProperty(
      fc.property(entry, fc.nat(), fc.constantFrom(undefined, ...others), (written, which, other) => {
        const payload: Json = JSON.parse(JSON.stringify(written));
        const places = placesIn(payload).filter(({ key }) => key !== 'nonce' || other !== true);
        const place = places[which % places.length];
        if (!place) throw new Error('An event has members.');
        if (other === undefined) delete place.holder[place.key];
        else place.holder[place.key] = other;
        const read = outcome(JSON.stringify(payload));
        // A free text may be another text; then it is that event, in the sender's profile as in the actor's.
        if ('type' in read) expect(read).toEqual(toEvent(entryIn(JSON.stringify(payload))));
        else {
          const isHead = place.holder === payload && ['chatId', 'epoch', 'seq'].includes(place.key);
          expect(read.cursor).toEqual(isHead ? undefined : { epoch: written.epoch, seq: written.seq });
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('has people when an older process wrote it, which knows no kinds', () => {
    const at = '2026-01-01T00:00:00.000Z';
    const ann = { id: CHAT, username: 'ann', firstName: '', lastName: '', role: 'user' as const, dateJoined: at };
    const written = (sender: typeof ann & { kind?: 'human' }) =>
      JSON.stringify({
        ...messageEntry(EPOCH, {
          ...{ id: CHAT, chatId: CHAT, seq: 3, content: 'hi', nonce: null, createdAt: at },
          sender: { kind: 'human', ...sender },
        }),
        actor: sender,
      });
    expect(parseEvent(CHAT, written(ann))).toEqual(parseEvent(CHAT, written({ ...ann, kind: 'human' })));
  });

  it('is never anything else than an event of its chat, whatever comes', async () => {
    const anything = fc.oneof(
      fc.json(),
      fc.string(),
      fc.tuple(entry, fc.nat(), fc.string({ maxLength: 3 })).map(([written, at, inserted]) => {
        const payload = JSON.stringify(written);
        const cut = at % payload.length;
        return payload.slice(0, cut) + inserted + payload.slice(cut + 1);
      }),
    );
    await assertProperty(
      fc.property(anything, (payload) => {
        const read = outcome(payload);
        if ('type' in read) expect(toEvent(entryIn(payload))).toMatchObject(read);
      }),
      { numRuns: 2000 },
    );
  });

  it('is refused when it is of another chat, of no history, too long, or says two things of one message', () => {
    const sender = {
      id: CHAT,
      username: 'ann',
      firstName: '',
      lastName: '',
      role: 'user' as const,
      kind: 'human' as const,
    };
    const at = '2026-01-01T00:00:00.000Z';
    const valid = messageEntry(EPOCH, {
      ...{ id: CHAT, chatId: CHAT, seq: 3, content: 'hi', nonce: null, createdAt: at },
      sender: { ...sender, dateJoined: at },
    });
    const cursor = { epoch: EPOCH, seq: 3 };
    const other = CHAT.replace('1', '2');
    const cases: [object | string, string, unknown][] = [
      [{ ...valid, chatId: other }, 'chatId', undefined],
      [{ ...valid, epoch: 'K3F9' }, 'epoch', undefined],
      [{ ...valid, seq: 0 }, 'seq', undefined],
      [{ ...valid, type: 'message.waved' }, 'type', cursor],
      [{ ...valid, message: { ...valid.message, seq: 4 } }, 'message.seq', cursor],
      [{ ...valid, message: { ...valid.message, chatId: other } }, 'message.chatId', cursor],
      [{ ...valid, message: { ...valid.message, content: '𝒳'.repeat(4001) } }, 'message.content', cursor],
      [{ ...valid, actor: { ...valid.actor, username: 'bob' } }, 'actor', cursor],
      [{ ...valid, actor: null }, 'actor', cursor],
      [{ ...valid, at: '2026-01-01T00:00:00.001Z' }, 'at', cursor],
      ['{"seq":', 'its JSON', undefined],
      [' '.repeat(1_048_577), 'its length', undefined],
    ];
    expect(cases.map(([payload]) => outcome(typeof payload === 'string' ? payload : JSON.stringify(payload)))).toEqual(
      cases.map(([, field, at]) => ({ field, cursor: at })),
    );
    const longest = { ...valid, message: { ...valid.message, content: '𝒳'.repeat(4000) } };
    expect(outcome(JSON.stringify(longest))).toEqual(longest);
  });
});
