import fc from 'fast-check';
import { placeholder } from '../generators/people.js';
import { edited } from '../generators/texts.js';
import { Violation } from '../violation.js';
import { Connection } from '../wire/connection.js';
import { judge, push, upgrades } from './ask.js';

import { PATIENCE_MS, type Scene, type Target } from './target.js';

interface TcpInput {
  /** Bytes as Latin-1, written one after the other; placeholders are filled in. */
  chunks: readonly string[];
  /** `leave`: the client goes away without a word, and the connection stays for the service to end. */
  ending: 'end' | 'leave';
}

const TOKEN = placeholder('token', 'member');
const request = (line: string, headers: readonly string[] = [], body = '') =>
  `${[line, 'Host: chat.example', ...headers].join('\r\n')}\r\n\r\n${body}`;

const GRAPHQL = '{"query":"{ me { id } }"}';
const SMUGGLED = request('GET /healthz HTTP/1.1');

const REQUESTS = [
  request('GET /healthz HTTP/1.1'),
  request('GET /readyz HTTP/1.0'),
  request('HEAD /healthz HTTP/1.1'),
  request('OPTIONS * HTTP/1.1'),
  request('GET http://chat.example/healthz HTTP/1.1'),
  request('GET /.well-known/oauth-authorization-server HTTP/1.1'),
  request('GET /oauth/authorize/?client_id=x&response_type=code HTTP/1.1'),
  request('CONNECT chat.example:443 HTTP/1.1'),
  request(
    'POST /graphql/ HTTP/1.1',
    [`Authorization: Bearer ${TOKEN}`, 'Content-Type: application/json', `Content-Length: ${GRAPHQL.length}`],
    GRAPHQL,
  ),
  request(
    'POST /oauth/token/ HTTP/1.1',
    ['Content-Type: application/x-www-form-urlencoded', 'Content-Length: 29'],
    'grant_type=client_credentials',
  ),
  request('GET /ws/chat/talk/ HTTP/1.1', [
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  ]),
  request('GET /graphql/ HTTP/1.1', [
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Version: 8',
    'Sec-WebSocket-Key: x',
  ]),
  request('GET /ws/chat/%zz/ HTTP/1.1', [
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  ]),
  request('GET /healthz HTTP/1.1', [
    'Upgrade: h2c',
    'Connection: Upgrade, HTTP2-Settings',
    'HTTP2-Settings: AAMAAABkAAQAAP__',
  ]),
];

/** Two readers of these may find different ends (https://portswigger.net/web-security/request-smuggling). */
const SMUGGLING = [
  request('POST /graphql/ HTTP/1.1', ['Content-Length: 6', 'Transfer-Encoding: chunked'], `0\r\n\r\n${SMUGGLED}`),
  request(
    'POST /graphql/ HTTP/1.1',
    ['Transfer-Encoding: chunked', 'Content-Length: 4'],
    `5c\r\n${SMUGGLED}\r\n0\r\n\r\n`,
  ),
  request('POST /graphql/ HTTP/1.1', ['Transfer-Encoding: xchunked'], `0\r\n\r\n${SMUGGLED}`),
  request('POST /graphql/ HTTP/1.1', ['Transfer-Encoding : chunked'], `0\r\n\r\n${SMUGGLED}`),
  request(
    'POST /graphql/ HTTP/1.1',
    ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'],
    `0\r\n\r\n${SMUGGLED}`,
  ),
  request('POST /graphql/ HTTP/1.1', ['Transfer-Encoding:\x0bchunked'], `0\r\n\r\n${SMUGGLED}`),
  request('POST /graphql/ HTTP/1.1', ['Transfer-Encoding: chunked'], `1;x="\r\n"\r\na\r\n0\r\nX: y\r\n\r\n${SMUGGLED}`),
  request('POST /graphql/ HTTP/1.1', ['Transfer-Encoding: chunked'], 'ffffffffffffffffff\r\n'),
  request('POST /graphql/ HTTP/1.1', ['Content-Length: 5', 'Content-Length: 0'], `hello${SMUGGLED}`),
  request('POST /graphql/ HTTP/1.1', ['Content-Length: +5'], `hello${SMUGGLED}`),
  request('POST /graphql/ HTTP/1.1', ['Content-Length: -1'], SMUGGLED),
  request('POST /graphql/ HTTP/1.1', ['Content-Length: 5, 5'], `hello${SMUGGLED}`),
  request('GET /healthz HTTP/1.1', ['X: y\r\n Folded: z']),
  request('GET /healthz HTTP/1.1', ['X: y\nTransfer-Encoding: chunked']),
  request('GET /healthz HTTP/1.1', ['Host: other.example']),
  'GET /healthz HTTP/1.1\r\n\r\n',
  'GET /healthz HTTP/1.1\n\n',
  'GET /healthz\r\n\r\n',
  'GET /healthz HTTP/9.9\r\n\r\n',
  `GET /${'a'.repeat(20_000)} HTTP/1.1\r\n\r\n`,
  request(
    'GET /healthz HTTP/1.1',
    Array.from({ length: 3000 }, (_, index) => `X${index}: y`),
  ),
  request('GET /healthz HTTP/1.1', [`X: ${'y'.repeat(20_000)}`]),
  request('GET /healthz HTTP/1.1', ['Expect: 200-ok']),
];

const FOREIGN = [
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0',
  '\x16\x03\x01\0\xa5\x01\0\0\xa1\x03\x03',
  'SSH-2.0-OpenSSH_9.2\r\n',
  '\0\0\0\x08\x04\xd2\x16\x2f',
  '*1\r\n$4\r\nPING\r\n',
  '\x05\x01\0',
  '\r\n\r\n\r\n',
];

const garbage = fc.uint8Array({ minLength: 1, maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const known = fc.oneof(
  { arbitrary: fc.constantFrom(...REQUESTS), weight: 3 },
  { arbitrary: fc.constantFrom(...SMUGGLING), weight: 3 },
  { arbitrary: fc.constantFrom(...FOREIGN), weight: 1 },
);
const text = fc.oneof(
  { arbitrary: known, weight: 3 },
  { arbitrary: edited(known), weight: 6 },
  { arbitrary: garbage, weight: 1 },
  // One connection, several requests, none waiting for the answer to another.
  {
    arbitrary: fc.array(fc.oneof(known, edited(known)), { minLength: 2, maxLength: 5 }).map((all) => all.join('')),
    weight: 2,
  },
);

function pieces(whole: string, cuts: readonly number[]): string[] {
  const places = [0, ...cuts.map((cut) => Math.floor(cut * whole.length)), whole.length].sort((a, b) => a - b);
  return places.slice(1).map((end, index) => whole.slice(places[index], end));
}

const inputs: fc.Arbitrary<TcpInput> = fc.record({
  chunks: fc
    .tuple(text, fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 3 }))
    .map(([whole, cuts]) => pieces(whole, cuts)),
  ending: fc.oneof(
    { arbitrary: fc.constant('end' as const), weight: 30 },
    { arbitrary: fc.constant('leave' as const), weight: 1 },
  ),
});

/** So many are left at a time; who is left for longer than them is ended from here. */
const LEFT = 50;

/** Connections on which nobody says anything any more: the service has to end them. */
export class LeftConnections {
  private left: { connection: Connection; sent: Buffer }[] = [];

  async leave(chunks: readonly Buffer[], port: number): Promise<void> {
    const connection = await Connection.open(port);
    for (const chunk of chunks) connection.write(chunk);
    this.left.push({ connection, sent: Buffer.concat(chunks) });
    if (this.left.length > LEFT) this.left.shift()?.connection.reset();
  }

  /** @throws Violation for one that the service neither answers nor ends, or answered as nothing is documented. */
  async checkEnds(scene: Scene): Promise<void> {
    for (const { connection, sent } of this.left.splice(0)) {
      // One that was answered may be kept for the next request, and a WebSocket as long as its peer answers pings.
      const isOver = () => connection.isClosed || connection.received.length > 0;
      const inTime = await connection.until(isOver, PATIENCE_MS);
      connection.reset();
      if (!inTime)
        throw new Violation(`A connection that nobody uses stays open, after ${JSON.stringify(String(sent))}`);
      judge(connection, scene, sent);
    }
  }
}

/** Bytes to the port itself: requests, nearly requests, several at once, in pieces, other protocols, noise. */
export function tcp(left: LeftConnections): Target<TcpInput> {
  return {
    name: 'tcp',
    weight: 14,
    inputs,
    async send({ chunks, ending }, scene: Scene) {
      const bytes = chunks.map((chunk) => Buffer.from(scene.fill(chunk), 'latin1'));
      if (ending === 'leave' && !upgrades(bytes)) await left.leave(bytes, scene.port);
      else await push(bytes, scene);
    },
  };
}
