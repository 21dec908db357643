const CR = 0x0d;

/**
 * Splits a Redis server's output into its top-level values, each with its bytes. Parses only as much of RESP3 as finding the end of
 * a value needs (https://redis.io/docs/latest/develop/reference/protocol-spec/).
 */
export class RespFrames {
  private rest = Buffer.alloc(0);

  /** The values that are complete with these bytes. */
  push(bytes: Buffer): Buffer[] {
    this.rest = Buffer.concat([this.rest, bytes]);
    const values: Buffer[] = [];
    for (let end = endOfValue(this.rest, 0); end !== undefined; end = endOfValue(this.rest, 0)) {
      values.push(this.rest.subarray(0, end));
      this.rest = this.rest.subarray(end);
    }
    return values;
  }
}

/** Whether the value is a published message, and not an answer to a command such as SUBSCRIBE. */
export function isPublished(value: Buffer): boolean {
  return value.subarray(0, 15).toString('latin1').toLowerCase() === '>3\r\n$7\r\nmessage';
}

/** The end of the value that starts at `start`; undefined when it is incomplete. */
function endOfValue(bytes: Buffer, start: number): number | undefined {
  const lineEnd = bytes.indexOf(CR, start);
  if (lineEnd === -1 || lineEnd + 1 >= bytes.length) return undefined;
  const afterLine = lineEnd + 2;
  const count = Number(bytes.toString('latin1', start + 1, lineEnd));
  switch (String.fromCharCode(bytes[start] ?? 0)) {
    case '+':
    case '-':
    case ':':
    case ',':
    case '(':
    case '#':
    case '_':
      return afterLine;
    case '$':
    case '=':
    case '!':
      return within(bytes, count < 0 ? afterLine : afterLine + count + 2);
    case '*':
    case '~':
    case '>':
      return endOfValues(bytes, afterLine, count);
    case '%':
      return endOfValues(bytes, afterLine, 2 * count);
    default:
      throw new Error(`This is no value of RESP3: ${bytes.toString('latin1', start, lineEnd)}`);
  }
}

function endOfValues(bytes: Buffer, start: number, count: number): number | undefined {
  let end: number | undefined = start;
  for (let index = 0; index < count && end !== undefined; index += 1) end = endOfValue(bytes, end);
  return end;
}

function within(bytes: Buffer, end: number): number | undefined {
  return end <= bytes.length ? end : undefined;
}
