import { OperationTypeNode } from 'graphql';
import { describe, expect, it } from 'vitest';
import { type CheckedOperation, Documents } from '../../../src/graphql/documents/documents.js';
import { EventLoopTurns } from '../../../src/graphql/documents/event-loop-turns.js';
import { Admission } from '../../../src/graphql/http/admission.js';
import { schema } from '../../../src/graphql/schema/schema.js';

const OWNER = 'a member';
const ME = { query: '{ me { id } }' };
const SMALL: CheckedOperation = { type: OperationTypeNode.SUBSCRIPTION, weight: 2, introspection: 0 };

function admissionFor(subscriptionFieldsPerUser: number): Admission {
  return new Admission(new Documents(schema), new EventLoopTurns(), {
    largeOperationsPerUser: 4,
    subscriptionFieldsPerUser,
  });
}

/** How many subscriptions of this weight one owner may open, up to a thousand. */
function opened(admission: Admission, weight: number): number {
  for (let count = 0; count < 1000; count += 1) {
    try {
      admission.takeSlot({ ...SMALL, weight }, OWNER);
    } catch (error) {
      expect(error).toMatchObject({ code: 'RATE_LIMITED' });
      return count;
    }
  }
  return 1000;
}

describe('the sum of a user’s subscriptions', () => {
  it('counts the smallest for ten fields, since each is an execution of its own, and larger ones for what they are', () => {
    expect(opened(admissionFor(100), 1)).toBe(10);
    expect(opened(admissionFor(100), 10)).toBe(10);
    expect(opened(admissionFor(100), 25)).toBe(4);
  });

  it('gets back what the smallest counted for when it ends', () => {
    const admission = admissionFor(100);
    for (let round = 0; round < 3; round += 1) {
      const slots = Array.from({ length: 10 }, () => admission.takeSlot(SMALL, OWNER));
      expect(opened(admission, 1)).toBe(0);
      for (const slot of slots) slot?.release();
    }
    expect(opened(admission, 1)).toBe(10);
  });
});

describe('a document that was not read before', () => {
  it('waits for a turn of the event loop, and once it has been read there is nothing to wait for', async () => {
    const admission = admissionFor(100);
    await admission.turnToRead(ME, OWNER);
    expect(admission.check(ME)).toMatchObject({ type: 'query' });
    expect(admission.turnToRead(ME, OWNER)).toBeUndefined();
    expect(admission.turnToRead(ME, 'another')).toBeUndefined();
  });

  it('is one of a thousand that may wait, for each owner, and others take turns with them', async () => {
    const admission = admissionFor(100);
    const read: string[] = [];
    const wait = (owner: string, index: number) =>
      admission.turnToRead({ query: `{ a${index}: __typename }` }, owner)?.then(() => read.push(owner));
    const thousand = Array.from({ length: 1000 }, (_, index) => wait(OWNER, index));
    expect(() => wait(OWNER, 1000)).toThrow(expect.objectContaining({ code: 'RATE_LIMITED', retryAfterMs: 1000 }));
    await wait('another', 1001);
    expect(read.length).toBeLessThanOrEqual(2);
    await Promise.all(thousand);
    await wait(OWNER, 1000);
  });

  it('does not wait to be refused for its length', () => {
    const admission = admissionFor(100);
    const tooLong = { query: `{ me { id } } #${'a'.repeat(20_000)}` };
    expect(admission.turnToRead(tooLong, OWNER)).toBeUndefined();
    expect(admission.check(tooLong)).toHaveProperty('errors');
  });
});
