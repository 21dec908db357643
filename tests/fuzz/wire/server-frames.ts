export interface ServerFrame {
  opcode: number;
  payload: Buffer;
}

const OPCODES = [1, 8, 9, 10];

/**
 * The complete frames of a server that neither fragments nor compresses.
 * @throws Error for what such a server may not send (https://datatracker.ietf.org/doc/html/rfc6455#section-5.2).
 */
export function readServerFrames(bytes: Buffer): ServerFrame[] {
  const frames: ServerFrame[] = [];
  for (let rest = bytes; ; ) {
    const [first, second] = rest;
    if (first === undefined || second === undefined) return frames;
    if ((first & 0xf0) !== 0x80 || (second & 0x80) !== 0 || !OPCODES.includes(first & 15))
      throw new Error(`A frame begins with the bytes ${first} and ${second}.`);
    const extended = second === 126 ? 2 : second === 127 ? 8 : 0;
    if (rest.length < 2 + extended) return frames;
    const length = extended === 0 ? second : extended === 2 ? rest.readUInt16BE(2) : Number(rest.readBigUInt64BE(2));
    const end = 2 + extended + length;
    if (rest.length < end) return frames;
    frames.push({ opcode: first & 15, payload: rest.subarray(2 + extended, end) });
    rest = rest.subarray(end);
  }
}
