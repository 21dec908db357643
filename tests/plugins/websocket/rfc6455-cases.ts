import { type FrameParts, frame } from '../../support/frames.js';

/** What a client sends after its upgrade, and what it gets: a close code, or the answer to a message. */
export interface Rfc6455Case {
  name: string;
  bytes: Buffer | Buffer[];
  /** A close code of the server, or `answered`: a message of ours came back and the socket is open. */
  expect: number | 'answered';
}

const [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG] = [0, 1, 2, 8, 9, 10];
/** Both protocols answer it with a pong of their own. */
const MESSAGE = '{"type":"ping"}';
const text = (payload: Buffer | string, more: Partial<FrameParts> = {}) => frame({ opcode: TEXT, payload, ...more });
const MESSAGE_FRAME = text(MESSAGE);
const padded = (length: number) => MESSAGE.padEnd(length);
const part = (payload: Buffer | string, more: Partial<FrameParts> = {}) =>
  frame({ opcode: CONTINUATION, payload, ...more });
const close = (payload: Buffer | string = '', more: Partial<FrameParts> = {}) =>
  frame({ opcode: CLOSE, payload, ...more });
const code = (value: number, reason: Buffer | string = '') =>
  close(Buffer.concat([Buffer.from([value >> 8, value & 255]), Buffer.from(reason)]));
const oneByOne = (bytes: Buffer) => [...bytes].map((byte) => Buffer.from([byte]));
const cases = (expect: Rfc6455Case['expect'], all: Record<string, Buffer | Buffer[]>): Rfc6455Case[] =>
  Object.entries(all).map(([name, bytes]) => ({ name, bytes, expect }));
/** Text that is not UTF-8, inside what would be a message. */
const broken = (...bytes: number[]) =>
  Buffer.concat([Buffer.from('{"type":"ping","id":"'), Buffer.from(bytes), Buffer.from('"}')]);

const INVALID_CODES = [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535];
const VALID_CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];

/** https://datatracker.ietf.org/doc/html/rfc6455, after the categories of the Autobahn test suite. */
export const CASES: Record<string, Rfc6455Case[]> = {
  framing: [
    ...cases('answered', {
      'a message in one frame': MESSAGE_FRAME,
      'a message of 125 bytes': text(padded(125)),
      'a message of 126 bytes, in a length of 16 bits': text(padded(126)),
      'a message of 65,535 bytes': text(padded(65_535)),
      'a message of 65,536 bytes, in a length of 64 bits': text(padded(65_536)),
      'a message byte by byte': oneByOne(MESSAGE_FRAME),
      'two messages in one write': Buffer.concat([MESSAGE_FRAME, MESSAGE_FRAME]),
      'a message and half of the next': Buffer.concat([MESSAGE_FRAME, MESSAGE_FRAME.subarray(0, 9)]),
    }),
    ...cases(1002, {
      'a frame that is not masked': text(MESSAGE, { masked: false }),
      'an HTTP request': Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
    }),
    ...cases(4400, { 'an empty message': text(''), 'a message of one blank': text(' ') }),
  ],
  'ping and pong': [
    ...cases('answered', {
      'a ping, then a message': [frame({ opcode: PING }), MESSAGE_FRAME],
      'a ping of 125 bytes': [frame({ opcode: PING, payload: 'x'.repeat(125) }), MESSAGE_FRAME],
      'a ping of bytes that are no text': [frame({ opcode: PING, payload: Buffer.from([0, 255, 254]) }), MESSAGE_FRAME],
      'a ping byte by byte': [...oneByOne(frame({ opcode: PING, payload: 'slow' })), MESSAGE_FRAME],
      'a pong that nobody asked for': [frame({ opcode: PONG, payload: 'hi' }), MESSAGE_FRAME],
      'ten pings at once': [Buffer.concat(Array(10).fill(frame({ opcode: PING }))), MESSAGE_FRAME],
      'a ping between two fragments': [
        text('{"type":', { fin: false }),
        frame({ opcode: PING, payload: 'within' }),
        part('"ping"}'),
      ],
    }),
    ...cases(1002, {
      'a ping of 126 bytes': frame({ opcode: PING, payload: 'x'.repeat(126) }),
      'a pong of 126 bytes': frame({ opcode: PONG, payload: 'x'.repeat(126) }),
      'a ping in fragments': frame({ opcode: PING, fin: false }),
      'a pong in fragments': frame({ opcode: PONG, fin: false }),
      'a ping that is not masked': frame({ opcode: PING, masked: false }),
    }),
  ],
  'reserved bits': cases(1002, {
    ...Object.fromEntries(
      [1, 2, 3, 4, 5, 6, 7].map((rsv) => [`bits ${rsv.toString(2)} of a message`, text(MESSAGE, { rsv })]),
    ),
    'one of a ping': frame({ opcode: PING, rsv: 4 }),
    'one of a close': code(1000).fill(0xc8, 0, 1),
    'one of a continuation': [text('{', { fin: false }), part('}', { rsv: 2 })],
    'one of a message after a good one': [MESSAGE_FRAME, text(MESSAGE, { rsv: 1 })],
  }),
  opcodes: [
    ...cases(
      1002,
      Object.fromEntries(
        [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) => [`${opcode}`, frame({ opcode, payload: 'x' })]),
      ),
    ),
    ...cases(1002, { '3 within a fragmented message': [text('{', { fin: false }), frame({ opcode: 3 })] }),
    ...cases(4400, { 'binary, which no protocol here speaks': frame({ opcode: BINARY, payload: MESSAGE }) }),
  ],
  fragmentation: [
    ...cases('answered', {
      'a message in two fragments': [text('{"type":', { fin: false }), part('"ping"}')],
      'a message in fragments of a byte': [
        text('{', { fin: false }),
        ...[...MESSAGE.slice(1, -1)].map((char) => part(char, { fin: false })),
        part('}'),
      ],
      'an empty first fragment': [text('', { fin: false }), part(MESSAGE)],
      'an empty last fragment': [text(MESSAGE, { fin: false }), part('')],
      'empty fragments within': [text('{"type":', { fin: false }), part('', { fin: false }), part('"ping"}')],
      'fragments in one write': Buffer.concat([text('{"type":', { fin: false }), part('"ping"}')]),
      'a character cut in two': [
        text(Buffer.concat([Buffer.from('{"type":"ping","id":"'), Buffer.from([0xe2, 0x82])]), { fin: false }),
        part(Buffer.concat([Buffer.from([0xac]), Buffer.from('"}')])),
      ],
    }),
    ...cases(1002, {
      'a continuation of nothing': part('x'),
      'an unfinished continuation of nothing': part('x', { fin: false }),
      'a continuation of what is finished': [MESSAGE_FRAME, part('x')],
      'a message within another': [text('{', { fin: false }), MESSAGE_FRAME],
      'a binary message within another': [text('{', { fin: false }), frame({ opcode: BINARY })],
    }),
    ...cases(4400, {
      'a binary message in fragments': [frame({ opcode: BINARY, fin: false, payload: '{' }), part('}')],
    }),
    ...cases(1000, { 'a close within a fragmented message': [text('{', { fin: false }), code(1000)] }),
  ],
  'UTF-8': [
    ...cases('answered', {
      'characters of four bytes': text('{"type":"ping","id":"😀𐍈"}'),
      noncharacters: text('{"type":"ping","id":"\ufffe\uffff"}'),
    }),
    ...cases(1007, {
      'a byte that is never one': text(broken(0xff)),
      'a continuation byte by itself': text(broken(0x80)),
      'a slash in two bytes': text(broken(0xc0, 0xaf)),
      'a slash in three bytes': text(broken(0xe0, 0x80, 0xaf)),
      'a surrogate': text(broken(0xed, 0xa0, 0x80)),
      'a pair of surrogates': text(broken(0xed, 0xa0, 0x80, 0xed, 0xb0, 0x80)),
      'more than U+10FFFF': text(broken(0xf4, 0x90, 0x80, 0x80)),
      'five bytes': text(broken(0xf8, 0x88, 0x80, 0x80, 0x80)),
      'a character that is cut off': text(Buffer.from([0xe2, 0x82])),
      'broken text in the second fragment': [text('{', { fin: false }), part(broken(0xff))],
      'broken text in the reason of a close': code(1000, Buffer.from([0xff])),
    }),
    ...cases(4400, {
      'a byte order mark': text(`\ufeff${MESSAGE}`),
      'U+0000': text('\0'),
    }),
  ],
  close: [
    ...VALID_CODES.flatMap((value) => cases(value, { [`${value}`]: code(value) })),
    ...cases(1000, {
      'with a reason': code(1000, 'bye'),
      'with the longest reason': code(1000, 'x'.repeat(123)),
      'byte by byte': oneByOne(code(1000)),
      'and frames after it, which nobody reads': [code(1000), MESSAGE_FRAME, text(MESSAGE, { rsv: 7 })],
    }),
    ...cases(1005, { 'without a code': close() }),
    ...cases(1002, {
      ...Object.fromEntries(INVALID_CODES.map((value) => [`${value}, which is no code`, code(value)])),
      'of one byte': close('x'),
      'of 126 bytes': code(1000, 'x'.repeat(124)),
      'in fragments': close('', { fin: false }),
      'that is not masked': close('', { masked: false }),
    }),
  ],
  limits: [
    ...cases(1009, {
      'a message of 65,537 bytes': text(padded(65_537)),
      'a message of a gigabyte, announced': text('', { announced: 1n << 30n }),
      'a message of 2^63 bytes, announced': text('', { announced: 1n << 63n }),
      'a message that grows past 65,536 bytes in fragments': [
        text(padded(60_000), { fin: false }),
        part(' '.repeat(5537), { fin: false }),
      ],
    }),
    ...cases(4429, {
      'two thousand messages at once': Buffer.concat(Array(2000).fill(MESSAGE_FRAME)),
      'two thousand pongs at once': Buffer.concat(Array(2000).fill(frame({ opcode: PONG }))),
    }),
    // `ws` cuts a connection for which too many pongs wait to be sent.
    ...cases(1006, { 'two thousand pings at once': Buffer.concat(Array(2000).fill(frame({ opcode: PING }))) }),
  ],
};

/** Offers of compression, all of which are refused: a compressed message is then a reserved bit. */
export const COMPRESSION_OFFERS = [
  'permessage-deflate',
  'permessage-deflate; client_max_window_bits; server_no_context_takeover',
  'permessage-deflate; server_max_window_bits=15, permessage-deflate',
  'x-webkit-deflate-frame',
  'permessage-bzip2, permessage-snappy',
];
export const COMPRESSED = frame({ opcode: TEXT, rsv: 4, payload: Buffer.from([0xaa, 0x56, 0x2a, 0xa9, 0x2c, 0x48]) });
