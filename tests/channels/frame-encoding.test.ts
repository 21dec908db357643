import { expect, it } from 'vitest';
import { FrameEncoding } from '../../src/channels/frame-encoding.js';
import type { UserProfile } from '../../src/domain/profile.js';
import { textFrame } from '../../src/plugins/websocket/frame.js';
import { createdEvent } from '../support/events.js';

const sender: UserProfile = {
  id: 'ann-id',
  username: 'ann',
  firstName: 'Ann',
  lastName: 'Lee',
  role: 'admin',
  kind: 'human',
  dateJoined: '2026-11-22T00:00:00.000Z',
};

function event(nonce: string | null) {
  const createdAt = '2026-11-22T12:00:00.000Z';
  return createdEvent('k3f9', { id: 'm', chatId: 'c', seq: 58, content: 'hi', nonce, createdAt, sender });
}

const encoding = new FrameEncoding((_frame, json) => textFrame(json));
const eventFrames = encoding.events.bind(encoding);

const json = (frame: Buffer) => JSON.parse(frame.toString('utf8', frame[1] === 126 ? 4 : 2));

it('a change is encoded once for everybody, and once more for the sender of a nonce', () => {
  const withNonce = event('n1');
  expect(eventFrames([withNonce], 'bob-id')).toBe(eventFrames([withNonce], 'cid-id'));
  expect(eventFrames([withNonce], 'ann-id')).toBe(eventFrames([withNonce], 'ann-id'));
  expect(json(eventFrames([withNonce], 'ann-id')).message.nonce).toBe('n1');
  expect(json(eventFrames([withNonce], 'bob-id')).message).not.toHaveProperty('nonce');
  const without = event(null);
  expect(eventFrames([without], 'ann-id')).toBe(eventFrames([without], 'bob-id'));
});

it('changes that come together are joined once for everybody, and for the sender of a nonce among them by itself', () => {
  const events = [event(null), event('n1'), event(null)];
  const [plain, withNonce] = [eventFrames(events, 'bob-id'), eventFrames(events, 'ann-id')];
  expect(eventFrames(events, 'cid-id')).toBe(plain);
  for (const [bytes, userId] of [
    [plain, 'bob-id'],
    [withNonce, 'ann-id'],
  ] as const)
    expect(bytes.equals(Buffer.concat(events.map((one) => eventFrames([one], userId))))).toBe(true);
  expect([plain.includes('n1'), withNonce.includes('n1')]).toEqual([false, true]);
});

it('a change has the members that the contract names, and of users nothing but id and username', () => {
  const user = { id: 'ann-id', username: 'ann' };
  expect(json(eventFrames([event(null)], 'bob-id'))).toEqual({
    type: 'message.created',
    seq: 58,
    cursor: 'k3f9:58',
    at: '2026-11-22T12:00:00.000Z',
    actor: user,
    message: { id: 'm', seq: 58, content: 'hi', createdAt: '2026-11-22T12:00:00.000Z', sender: user },
  });
});

it('a change in an inbox has the chat and the inbox’s position besides, and is encoded once but for the position', () => {
  const withNonce = event('n1');
  const plain = json(eventFrames([withNonce], 'bob-id'));
  expect(json(encoding.inboxEvent(withNonce, 'bob-id', 'i1.abc'))).toEqual({
    ...plain,
    chatId: 'c',
    position: 'i1.abc',
  });
  expect(json(encoding.inboxEvent(withNonce, 'cid-id', 'i1.other'))).toEqual({
    ...plain,
    chatId: 'c',
    position: 'i1.other',
  });
  expect(json(encoding.inboxEvent(withNonce, 'ann-id', 'i1.abc')).message.nonce).toBe('n1');
});
