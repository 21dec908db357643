import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Tally } from '../../domain/counts.js';
import { DomainError } from '../../domain/errors.js';
import type { Budget } from './exhausted-budgets.js';
import { Usage } from './usage.js';

/** Only the bytes of bodies longer than this are counted. */
const LONG_BYTES = 16 * 1024;
/** Bytes of long bodies that may be arriving at a time, from one address and from all. */
const BYTES_PER_ADDRESS = 8 * 1024 * 1024;
const BYTES = 64 * 1024 * 1024;
const RETRY_AFTER_MS = 1000;

const ARRIVING = Symbol('what the request holds until its body has arrived');

declare module 'node:http' {
  interface ServerResponse {
    [ARRIVING]?: { bodies: IncomingBodies; usage: Usage; bytes: number };
  }
}

/** Whether the headers announce a body (https://www.rfc-editor.org/rfc/rfc9112#section-6). */
export function hasBody({ headers }: { headers: IncomingHttpHeaders }): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

/** Bounds, per address and in total, the requests whose headers have arrived and whose bodies have not. */
export class IncomingBodies {
  private readonly all = new Usage();

  /**
   * @param perAddress requests of one address whose bodies may be arriving at a time
   * @param longest the longest body allowed, in bytes; counted for a request without Content-Length
   */
  constructor(
    private readonly perAddress: number,
    private readonly longest: number,
    private readonly budgets: Tally<Budget>,
  ) {}

  /** Counts the request until `end` or until its connection closes. Calls `done` with the refusal when a limit is reached. */
  begin({ usage, headers }: FastifyRequest, { raw }: FastifyReply, done: (refusal?: DomainError) => void): void {
    const length = Math.min(Number(headers['content-length'] ?? this.longest), this.longest);
    const bytes = length > LONG_BYTES ? length : 0;
    const refused = this.refusal(usage, bytes);
    if (refused) {
      this.budgets.add('incoming_bodies');
      done(refused);
      return;
    }
    usage.incomingBodies += 1;
    usage.incomingBytes += bytes;
    this.all.incomingBytes += bytes;
    raw[ARRIVING] = { bodies: this, usage, bytes };
    raw.on('close', closed);
    done();
  }

  /** Whether the body of this response's request is still arriving. */
  holds(response: ServerResponse): boolean {
    return response[ARRIVING] !== undefined;
  }

  /** The body has arrived. False when the request has no body or was ended before. */
  end(response: ServerResponse): boolean {
    const held = response[ARRIVING];
    if (!held) return false;
    response[ARRIVING] = undefined;
    held.usage.incomingBodies -= 1;
    held.usage.incomingBytes -= held.bytes;
    this.all.incomingBytes -= held.bytes;
    return true;
  }

  private refusal(usage: Usage, bytes: number): DomainError | undefined {
    if (usage.incomingBodies >= this.perAddress || (bytes > 0 && usage.incomingBytes + bytes > BYTES_PER_ADDRESS))
      return stillArriving('RATE_LIMITED', 'Too many of your requests are still arriving.');
    if (bytes > 0 && this.all.incomingBytes + bytes > BYTES)
      return stillArriving('SERVICE_UNAVAILABLE', 'Too many long requests are still arriving.');
    return undefined;
  }
}

/** One function for all requests: a closure for each would cost memory. */
function closed(this: ServerResponse): void {
  this[ARRIVING]?.bodies.end(this);
}

function stillArriving(code: 'RATE_LIMITED' | 'SERVICE_UNAVAILABLE', message: string): DomainError {
  return new DomainError(code, message, { retryAfterMs: RETRY_AFTER_MS });
}
