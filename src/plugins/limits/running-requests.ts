import type { ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';

const PLACE = Symbol('place among the running requests');

declare module 'node:http' {
  interface ServerResponse {
    [PLACE]?: number;
  }
}

interface Running {
  reply: FastifyReply;
  since: number;
}

/**
 * The running requests and when each began. They sit in numbered slots that are reused: with a `Set` or a linked list that
 * grows and shrinks all the time, V8 keeps dead entries alive (docs/performance.md).
 */
export class RunningRequests {
  private readonly places: (Running | undefined)[] = [];
  private readonly free: number[] = [];

  begin(reply: FastifyReply, now: number): void {
    const place = this.free.pop() ?? this.places.length;
    this.places[place] = { reply, since: now };
    reply.raw[PLACE] = place;
  }

  /** Does nothing for a response that has not begun or has ended. */
  end(response: ServerResponse): void {
    const place = response[PLACE];
    if (place === undefined) return;
    response[PLACE] = undefined;
    this.places[place] = undefined;
    this.free.push(place);
  }

  /**
   * Ends and returns the requests that began at or before `limit`. This also removes those whose client had gone before they
   * began: their responses emit no further `close`.
   */
  takeLate(limit: number): FastifyReply[] {
    const late = this.places.flatMap((running) => (running && running.since <= limit ? running.reply : []));
    for (const { raw } of late) this.end(raw);
    return late;
  }
}
