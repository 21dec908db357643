import { expect, test } from 'vitest';
import { textFrame } from '../../../src/plugins/websocket/frame.js';
import { FrameReader } from './frame-reader.js';

function readerOf(): { reader: FrameReader; heard: string[] } {
  const heard: string[] = [];
  const reader = new FrameReader({
    text: (bytes, start, end) => heard.push(bytes.toString('utf8', start, end)),
    ping: (payload) => heard.push(`ping ${payload}`),
    closing: (code, reason) => heard.push(`closing ${code} ${reason}`),
    unexpected: (what) => heard.push(`unexpected ${what}`),
  });
  return { reader, heard };
}

const texts = ['a', 'é'.repeat(70), 'x'.repeat(300), 'y'.repeat(70_000), ''];

test('Frames of every length are read, wherever the bytes are cut', () => {
  const short = texts.filter((text) => text.length < 1000);
  const bytes = Buffer.concat(short.map(textFrame));
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    const { reader, heard } = readerOf();
    reader.read(bytes.subarray(0, cut));
    reader.read(bytes.subarray(cut));
    expect(heard).toEqual(short);
  }
});

test('A frame of 64-bit length is read from many chunks that are overwritten afterwards', () => {
  const bytes = Buffer.concat(texts.map(textFrame));
  const shared = Buffer.alloc(1000);
  const { reader, heard } = readerOf();
  for (let at = 0; at < bytes.length; at += shared.length) {
    const length = bytes.copy(shared, 0, at);
    reader.read(shared.subarray(0, length));
    shared.fill(0);
  }
  expect(heard).toEqual(texts);
});

test('Pings and close frames are told apart, and what a server does not send is named', () => {
  const { reader, heard } = readerOf();
  reader.read(Buffer.from([0x89, 2, 0x68, 0x69, 0x8a, 0, 0x88, 2, 0x03, 0xf4, 0x82, 0]));
  expect(heard).toEqual(['ping hi', 'closing 1012 ', 'unexpected a frame that begins with 0x82']);
});
