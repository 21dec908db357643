import fc from 'fast-check';
import { anyToken } from './people.js';
import { oddText } from './texts.js';

export type Header = readonly [name: string, value: string];

/** A request before it is bytes. Placeholders in it are not filled in yet. */
export interface RequestParts {
  method: string;
  path: string;
  headers: readonly Header[];
  body: string;
  /** How the text of the body becomes bytes. */
  encoding: 'utf8' | 'latin1' | 'utf16le';
  /** How the request says where its body ends; what is neither `length` nor `chunked` is a lie. */
  framing: 'length' | 'chunked' | 'none' | 'short' | 'long' | 'both' | 'twice';
}

const HONEST = ['length', 'chunked'];

/** True for a request that ends where it says, and so is answered once. */
export function isHonest({ framing }: RequestParts): boolean {
  return HONEST.includes(framing);
}

export const framing: fc.Arbitrary<RequestParts['framing']> = fc.oneof(
  { arbitrary: fc.constant('length' as const), weight: 40 },
  { arbitrary: fc.constantFrom('chunked', 'none', 'short', 'long', 'both', 'twice'), weight: 1 },
);
export const encoding: fc.Arbitrary<RequestParts['encoding']> = fc.oneof(
  { arbitrary: fc.constant('utf8' as const), weight: 20 },
  { arbitrary: fc.constantFrom('latin1', 'utf16le'), weight: 1 },
);

const headerText = oddText.map((text) => text.replace(/[\r\n\0]/g, '').slice(0, 2000));

/** Headers beside those that a request needs: seldom any, odd ones among them. */
export const moreHeaders: fc.Arbitrary<readonly Header[]> = fc.oneof(
  { arbitrary: fc.constant([]), weight: 6 },
  {
    arbitrary: fc.array(
      fc.oneof(
        fc.constantFrom<Header>(
          ['Accept', 'application/graphql-response+json'],
          ['Accept', 'text/html'],
          ['Accept', '*/*;q=x, ,;'],
          ['Accept-Encoding', 'gzip, br'],
          ['Content-Encoding', 'gzip'],
          ['Cookie', '__Host-session=x; a; ='],
          ['Origin', 'https://elsewhere.example'],
          ['Origin', 'null'],
          ['Access-Control-Request-Method', 'POST'],
          ['X-Forwarded-For', '1.2.3.4, x'],
          ['X-Forwarded-Host', 'elsewhere.example'],
          ['Forwarded', 'for=1.2.3.4'],
          ['If-None-Match', '*'],
          ['Range', 'bytes=0-1'],
          ['Expect', '100-continue'],
          ['Connection', 'close'],
          ['Upgrade', 'h2c'],
          ['X-Http-Method-Override', 'DELETE'],
          ['Authorization', 'Bearer a, Bearer b'],
        ),
        fc.tuple(fc.constantFrom('X-Odd', 'Accept', 'Cookie', 'User-Agent', 'Content-Language', 'Origin'), headerText),
      ),
      { minLength: 1, maxLength: 3 },
    ),
    weight: 1,
  },
);

export const bearer: fc.Arbitrary<readonly Header[]> = fc.oneof(
  { arbitrary: anyToken.map((token): Header[] => [['Authorization', `Bearer ${token}`]]), weight: 12 },
  {
    arbitrary: fc.constantFrom<Header[]>(
      [],
      [['Authorization', 'Bearer']],
      [['Authorization', 'bearer  x']],
      [['Authorization', 'Basic Og==']],
      [['Authorization', '']],
      [['Authorization', 'Digest a="b']],
    ),
    weight: 1,
  },
);

/** The bytes of a request, all placeholders filled in by `fill`. */
export function requestBytes(request: RequestParts, fill: (text: string) => string): Buffer {
  const body = Buffer.from(fill(request.body), request.encoding);
  const headers: Header[] = [['Host', 'chat.example'], ...request.headers, ...framingHeaders(request, body)];
  const lines = headers.map(([name, value]) => `${name}: ${value}`);
  const head = `${request.method} ${request.path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
  return Buffer.concat([Buffer.from(fill(head), 'latin1'), isChunked(request) ? chunked(body) : body]);
}

function isChunked({ framing }: RequestParts): boolean {
  return framing === 'chunked' || framing === 'both';
}

function framingHeaders({ framing }: RequestParts, body: Buffer): Header[] {
  const length = (bytes: number): Header => ['Content-Length', String(bytes)];
  switch (framing) {
    case 'length':
      return [length(body.length)];
    case 'chunked':
      return [['Transfer-Encoding', 'chunked']];
    case 'none':
      return [];
    case 'short':
      return [length(Math.floor(body.length / 2))];
    case 'long':
      return [length(body.length + 10)];
    case 'both':
      return [length(body.length), ['Transfer-Encoding', 'chunked']];
    case 'twice':
      return [length(body.length), length(body.length + 1)];
  }
}

/** In two chunks, where there is enough for two. */
function chunked(body: Buffer): Buffer {
  const middle = Math.ceil(body.length / 2);
  const parts = [body.subarray(0, middle), body.subarray(middle)].filter((part) => part.length > 0);
  const written = parts.flatMap((part) => [Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')]);
  return Buffer.concat([...written, Buffer.from('0\r\n\r\n')]);
}
