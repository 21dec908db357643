import fc from 'fast-check';
import type { FrameParts } from '../../support/frames.js';
import { mostly, oddText } from './texts.js';

/** One thing that a client does with an open WebSocket. Placeholders in texts are not filled in yet. */
export type SocketStep =
  | { do: 'say'; text: string }
  | { do: 'frame'; parts: Omit<FrameParts, 'payload' | 'announced'> & { announced?: number }; payload: string }
  | { do: 'fragments'; texts: readonly string[] }
  | { do: 'bytes'; hex: string };

/** A frame of any form (https://datatracker.ietf.org/doc/html/rfc6455#section-5.2). */
const anyFrame: fc.Arbitrary<SocketStep> = fc
  .record({
    parts: fc.record({
      opcode: fc.oneof(
        { arbitrary: fc.constantFrom(0, 1, 2, 8, 9, 10), weight: 4 },
        { arbitrary: fc.nat(15), weight: 1 },
      ),
      fin: fc.oneof({ arbitrary: fc.constant(true), weight: 4 }, { arbitrary: fc.boolean(), weight: 1 }),
      rsv: fc.oneof({ arbitrary: fc.constant(0), weight: 8 }, { arbitrary: fc.nat(7), weight: 1 }),
      masked: fc.oneof({ arbitrary: fc.constant(true), weight: 8 }, { arbitrary: fc.boolean(), weight: 1 }),
    }),
    announced: fc.option(fc.constantFrom(0, 1, 125, 126, 127, 65_535, 65_536, 65_537, 2 ** 31, 2 ** 53), {
      nil: undefined,
      freq: 12,
    }),
    payload: fc.oneof(
      oddText,
      fc.constantFrom('', '\u0003\u00e8', '\u0003\u00ec', '\u0003\u00ff', '\u0000', 'x'.repeat(126)),
    ),
  })
  .map(({ parts, announced, payload }) => ({
    do: 'frame' as const,
    parts: announced === undefined ? parts : { ...parts, announced },
    payload,
  }));

const bytes: fc.Arbitrary<SocketStep> = fc
  .uint8Array({ minLength: 1, maxLength: 40 })
  .map((array) => ({ do: 'bytes' as const, hex: Buffer.from(array).toString('hex') }));

/** What a client does: mostly says one of these messages, or nearly one; sometimes breaks the frames that carry them. */
export function socketSteps(message: fc.Arbitrary<string>): fc.Arbitrary<readonly SocketStep[]> {
  const said = mostly(message);
  return fc.array(
    fc.oneof(
      { arbitrary: said.map((text): SocketStep => ({ do: 'say', text })), weight: 16 },
      {
        arbitrary: fc
          .array(said, { minLength: 2, maxLength: 3 })
          .map((texts): SocketStep => ({ do: 'fragments', texts })),
        weight: 1,
      },
      { arbitrary: anyFrame, weight: 2 },
      { arbitrary: bytes, weight: 1 },
    ),
    { minLength: 1, maxLength: 6 },
  );
}
