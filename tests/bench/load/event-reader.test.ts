import { expect, test } from 'vitest';
import { EventReader } from './event-reader.js';

const STREAM = 'retry: 2000\n\nevent: hello\nid: e:1\ndata: {"type":"hello"}\n\n:\n\nevent: x\ndata: {"ü":"\\n"}\n\n';
const DATA = ['{"type":"hello"}', '{"ü":"\\n"}'];

test('The data of events is read, whatever pieces they come in', () => {
  const bytes = Buffer.from(STREAM);
  for (let length = 1; length <= bytes.length; length += 1) {
    const read: string[] = [];
    const reader = new EventReader({ text: (from, start, end) => read.push(from.toString('utf8', start, end)) });
    for (let at = 0; at < bytes.length; at += length) {
      const chunk = Buffer.from(bytes.subarray(at, at + length));
      reader.read(chunk);
      chunk.fill(0);
    }
    expect(read).toEqual(DATA);
  }
});
