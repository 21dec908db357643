import { validate, version } from 'uuid';
import { expect, it } from 'vitest';
import { newMessageId } from '../../../src/domain/messages/message-ids.js';

it('ids are UUIDv7 of now and all different, over many refills of what they are made of', () => {
  const before = Date.now();
  const ids = Array.from({ length: 10_000 }, newMessageId);
  const after = Date.now();
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) {
    expect(validate(id) && version(id)).toBe(7);
    const madeAt = Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);
    expect(madeAt).toBeGreaterThanOrEqual(before);
    expect(madeAt).toBeLessThanOrEqual(after);
  }
});
