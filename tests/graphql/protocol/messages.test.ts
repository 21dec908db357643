import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseMessage } from '../../../src/graphql/protocol/messages.js';
import { leastCpu } from '../../support/cpu-time.js';
import { assertProperty } from '../../support/property.js';

function nested(depth: number): string {
  return `{"type":"ping","payload":${'{"a":'.repeat(depth)}0${'}'.repeat(depth)}}`;
}

describe('parseMessage', () => {
  it('reads what JSON holds, whatever is in its texts, and throws at nothing', { retry: 0 }, async () => {
    await assertProperty(
      fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()), (payload) => {
        const text = JSON.stringify({ type: 'ping', payload });
        expect(parseMessage(text)).toEqual(JSON.parse(text));
      }),
    );
    await assertProperty(fc.property(fc.string({ unit: 'binary' }), (text) => void parseMessage(text)));
  });

  it('takes 200 levels and no more, and counts no bracket that is text', () => {
    expect(parseMessage(nested(199))).toBeDefined();
    expect(parseMessage(nested(200))).toBeUndefined();
    const payload = { text: '[{"\\'.repeat(1000), end: '\\' };
    expect(parseMessage(JSON.stringify({ type: 'ping', payload }))).toEqual({ type: 'ping', payload });
  });

  it('takes a time that grows no faster than the text', async () => {
    const parse = () => {
      for (const part of ['\\"', '"', '"\\', '[', '[]', '{"a":']) parseMessage(`"${part.repeat(65_536 / part.length)}`);
    };
    expect(await leastCpu(500, parse)).toBeLessThan(500);
  });
});
