import Fastify from 'fastify';
import { describe, expect, it } from 'vitest';
import { loggerOptions } from '../../src/plugins/logging.js';

describe('what callers can make the service log', () => {
  it('is bounded: of one warning or error that repeats itself, twenty lines a second, and how many there were', async () => {
    const lines: { level: number; msg: string; reqId?: string }[] = [];
    let tell: (leftOut: [string, number]) => void;
    const leftOut = new Promise<[string, number]>((resolve) => {
      tell = resolve;
    });
    const stream = { write: (line: string) => lines.push(JSON.parse(line)) };
    const app = Fastify({ logger: loggerOptions('info', stream, (...told) => tell(told)) });
    app.get('/', async (request) => {
      request.log.error({ err: new Error('away') }, 'could not answer');
      request.log.info('asked');
      return {};
    });
    for (let count = 0; count < 100; count += 1) await app.inject('/');
    app.log.warn('another');
    const written = (message: string) => lines.filter(({ msg }) => msg === message).length;
    expect([written('could not answer'), written('another'), written('asked')]).toEqual([20, 1, 100]);
    expect(await leftOut).toEqual(['could not answer', 80]);
    await app.inject('/');
    expect(written('could not answer')).toBe(21);
    await app.close();
  });
});
