const FINAL_TEXT = 0x81;

/**
 * Encodes a text message as one server frame: final, not masked, not compressed. The same bytes can be sent to any number of
 * sockets (https://datatracker.ietf.org/doc/html/rfc6455#section-5.2).
 */
export function textFrame(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const header = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(header + length);
  frame[0] = FINAL_TEXT;
  if (header === 2) {
    frame[1] = length;
  } else if (header === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
  frame.write(text, header);
  return frame;
}

/** Encodes an object as the JSON text of one server frame. */
export function jsonFrame(content: object): Buffer {
  return textFrame(JSON.stringify(content));
}
