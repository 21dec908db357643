import type { FastifyInstance, FastifyReply } from 'fastify';
import fp from 'fastify-plugin';
import { DomainError } from '../../domain/errors.js';
import { exhaustedBudgets } from './exhausted-budgets.js';
import { Usage } from './usage.js';

export interface UnreadAnswersOptions {
  /** Bytes of responses that one user, or one address without a token, may leave unread. */
  bytesPerOwner?: number;
  /** Bytes of responses that all clients together may leave unread. */
  bytes?: number;
  /** The slowest average rate at which a client may read a response, in bytes a second. */
  slowestReading?: number;
  /** Time allowed in addition, for a response of any size, in milliseconds. */
  freeMs?: number;
}

const MEBIBYTE = 1024 * 1024;
/** Shorter responses are not counted: a connection's buffers take them at once. */
const COUNTED_FROM_BYTES = 64 * 1024;
const CHECK_MS = 1000;
const RETRY_AFTER_MS = 1000;

interface Unread {
  bytes: number;
  owner: Usage;
  /** When the connection is cut, in milliseconds of `performance.now()`. */
  until: number;
}

/**
 * Bounds the memory of responses that clients do not read. Long responses count until the operating system has taken their
 * last byte. A response above the owner's limit is refused with 429, above the process's with 503. A client that reads slower
 * than 16 KiB a second, after 10 s free of charge, is disconnected.
 */
async function unreadAnswers(app: FastifyInstance, options: UnreadAnswersOptions) {
  const { bytesPerOwner = 32 * MEBIBYTE, bytes: bytesOfAll = 256 * MEBIBYTE } = options;
  const { slowestReading = 16 * 1024, freeMs = 10_000 } = options;
  const all = new Map<FastifyReply, Unread>();
  const everybody = new Usage();
  const budgets = exhaustedBudgets(app);

  app.addHook('onSend', (request, reply, payload, done) => {
    const bytes = lengthOf(payload);
    if (bytes < COUNTED_FROM_BYTES) {
      done();
      return;
    }
    const owner = request.usage;
    const isTooMuchOfAll = everybody.unreadBytes + bytes > bytesOfAll;
    if (isTooMuchOfAll || owner.unreadBytes + bytes > bytesPerOwner) {
      budgets.add('unread_answers');
      done(isTooMuchOfAll ? tooMuch('SERVICE_UNAVAILABLE', 'answers') : tooMuch('RATE_LIMITED', 'your answers'));
      return;
    }
    // A connection that is already closed emits no further `close`.
    if (!reply.raw.destroyed) {
      owner.unreadBytes += bytes;
      everybody.unreadBytes += bytes;
      all.set(reply, { bytes, owner, until: performance.now() + freeMs + (bytes * 1000) / slowestReading });
      reply.raw.once('close', () => {
        all.delete(reply);
        owner.unreadBytes -= bytes;
        everybody.unreadBytes -= bytes;
      });
    }
    done();
  });

  const timer = setInterval(() => {
    const now = performance.now();
    for (const [reply, { until }] of all) if (until < now) reply.raw.destroy();
  }, CHECK_MS).unref();
  app.addHook('onClose', async () => clearInterval(timer));
}

function lengthOf(payload: unknown): number {
  // A character has at most three bytes, so most responses need no exact count.
  if (typeof payload === 'string')
    return payload.length * 3 < COUNTED_FROM_BYTES ? payload.length : Buffer.byteLength(payload);
  return Buffer.isBuffer(payload) ? payload.length : 0;
}

function tooMuch(code: 'RATE_LIMITED' | 'SERVICE_UNAVAILABLE', whose: string): DomainError {
  return new DomainError(code, `Too much of ${whose} has not been read yet.`, { retryAfterMs: RETRY_AFTER_MS });
}

export default fp(unreadAnswers, { name: 'unread-answers', dependencies: ['request-rates'] });
