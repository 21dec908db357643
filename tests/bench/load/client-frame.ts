import { randomBytes } from 'node:crypto';

const FINAL = 0x80;
const MASKED = 0x80;

export const TEXT = 0x1;
export const PONG = 0xa;

/** A client's frame, which must be masked. https://datatracker.ietf.org/doc/html/rfc6455#section-5.3 */
export function clientFrame(opcode: number, payload: Buffer): Buffer {
  const { length } = payload;
  if (length > 0xffff) throw new Error('No frame of the benchmark is so long.');
  const header = length < 126 ? 2 : 4;
  const frame = Buffer.allocUnsafe(header + 4 + length);
  frame[0] = FINAL | opcode;
  frame[1] = MASKED | (header === 2 ? length : 126);
  if (header === 4) frame.writeUInt16BE(length, 2);
  const mask = randomBytes(4);
  mask.copy(frame, header);
  for (let index = 0; index < length; index += 1)
    frame[header + 4 + index] = payload.readUInt8(index) ^ mask.readUInt8(index & 3);
  return frame;
}
