import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type RequestParts, requestBytes } from './generators/http-requests.js';
import { parseOptions } from './options.js';
import { chooseTargets, TARGET_NAMES } from './targets/targets.js';
import { LeftConnections } from './targets/tcp.js';
import { readResponses } from './wire/http-responses.js';
import { readServerFrames } from './wire/server-frames.js';

const bytes = (text: string) => Buffer.from(text, 'latin1');

describe('answers are read', () => {
  const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi';
  const chunked = 'HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n';

  it('one after the other, and no further than they have come', () => {
    const whole = ok + chunked + ok;
    expect(readResponses(bytes(whole)).responses.map(({ status, body }) => [status, body])).toEqual([
      [200, 'hi'],
      [400, 'abc'],
      [200, 'hi'],
    ]);
    for (let end = 0; end < ok.length; end += 1) expect(readResponses(bytes(ok.slice(0, end))).responses).toEqual([]);
  });

  it('past those that are none yet, and up to an upgrade', () => {
    const upgrade = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x00';
    const { responses, rest } = readResponses(bytes(upgrade));
    expect(responses.map(({ status }) => status)).toEqual([101]);
    expect(readServerFrames(rest)).toEqual([{ opcode: 1, payload: Buffer.alloc(0) }]);
  });

  it.each(['hello', 'HTTP/1.1 abc\r\n\r\n', 'HTTP/1.1 200 OK\r\nno header\r\n\r\n'])('or refused: %j', (text) => {
    expect(() => readResponses(bytes(text))).toThrow();
  });

  it.each([
    ['a masked frame', [0x81, 0x80]],
    ['a reserved bit', [0xc1, 0]],
    ['an unknown opcode', [0x83, 0]],
    ['a fragment', [0x01, 0]],
  ])('and %s of a server is refused', (_what, frame) => {
    expect(() => readServerFrames(Buffer.from(frame))).toThrow('A frame begins');
  });
});

describe('inputs', () => {
  it('come again with the same seed, in every target', () => {
    for (const { inputs } of chooseTargets([], new LeftConnections())) {
      const some = (seed: number) => fc.stringify(fc.sample(inputs, { seed, numRuns: 20 }));
      expect(some(1)).toBe(some(1));
      expect(some(1)).not.toBe(some(2));
    }
  });

  it('have their placeholders filled in before their length is told', () => {
    const request: RequestParts = {
      method: 'POST',
      path: '/',
      headers: [],
      body: '__token.ann__',
      encoding: 'utf8',
      framing: 'length',
    };
    const filled = requestBytes(request, (text) => text.replaceAll('__token.ann__', 'abc')).toString();
    expect(filled).toMatch(/Content-Length: 3\r\n\r\nabc$/);
  });
});

describe('the options', () => {
  it('are a hundred thousand inputs to every target, or fewer', () => {
    expect(parseOptions([], TARGET_NAMES)).toMatchObject({ runs: 100_000, targets: [], seed: expect.any(Number) });
    expect(parseOptions(['--short', '--seed', '7', '--target', 'tcp'], TARGET_NAMES)).toMatchObject({
      runs: expect.toSatisfy((runs: number) => runs < 100_000),
      seed: 7,
      targets: ['tcp'],
    });
    expect(chooseTargets([], new LeftConnections()).map(({ name }) => name)).toEqual(TARGET_NAMES);
  });

  it('refuse what makes no sense', () => {
    expect(() => parseOptions(['--runs', 'many'], TARGET_NAMES)).toThrow('--runs must be a whole number');
    expect(() => parseOptions(['--target', 'udp'], TARGET_NAMES)).toThrow('There is no target "udp"');
    expect(() => parseOptions(['--short', '--runs', '5'], TARGET_NAMES)).toThrow('Choose --short or --runs.');
  });
});
