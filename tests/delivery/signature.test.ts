import { createHmac, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Signature } from '../../src/delivery/signature.js';

const key = randomBytes(32);
const signature = new Signature(key);

describe('the proof before a message on the bus', () => {
  it.each(['', 'x', 'ä€😀', '\n', 'y'.repeat(10_000)])('is the HMAC-SHA256 of channel and message: %j', (message) => {
    const proof = createHmac('sha256', key.toString('base64url')).update(`general\n${message}`).digest('base64url');
    expect(signature.sign('general', message)).toBe(proof + message);
    expect(signature.verified('general', proof + message)).toBe(message);
  });

  it('is of one key, one channel and one message', () => {
    const signed = signature.sign('general', 'hello');
    expect(new Signature(randomBytes(32)).verified('general', signed)).toBeUndefined();
    expect(signature.verified('other', signed)).toBeUndefined();
    expect(signature.verified('general', `${signed}!`)).toBeUndefined();
    expect(
      signature.verified('general', `A${signed.slice(1)}` === signed ? `B${signed.slice(1)}` : `A${signed.slice(1)}`),
    ).toBeUndefined();
    expect(signature.verified('general', 'hello')).toBeUndefined();
  });
});
