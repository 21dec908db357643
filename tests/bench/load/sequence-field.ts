const NAME = Buffer.from('"seq":');
const ZERO = 0x30;
const NINE = 0x39;

/**
 * Reads the first `"seq":` of a message without parsing the rest. Messages of one kind have it in one place, so that the last
 * place is tried first.
 */
export class SequenceField {
  private offset = 0;

  /** @throws Error when there is none. */
  read(bytes: Buffer, start: number, end: number): number {
    if (!startsWith(bytes, start + this.offset, NAME)) {
      const found = bytes.subarray(start, end).indexOf(NAME);
      if (found === -1) throw new Error(`A message without a number: ${bytes.toString('utf8', start, end)}`);
      this.offset = found;
    }
    let at = start + this.offset + NAME.length;
    let seq = 0;
    for (let digit = bytes[at] ?? 0; digit >= ZERO && digit <= NINE; digit = bytes[at] ?? 0) {
      seq = seq * 10 + digit - ZERO;
      at += 1;
    }
    return seq;
  }
}

export function startsWith(bytes: Buffer, start: number, prefix: Buffer): boolean {
  for (let index = 0; index < prefix.length; index += 1) if (bytes[start + index] !== prefix[index]) return false;
  return true;
}
