import { setTimeout as sleep } from 'node:timers/promises';
import type { Edge } from '../entries.js';
import type { Random } from '../random.js';
import type { Outcome } from './graphql-api.js';
import type { ReceivedMessage } from './message-fields.js';
import type { Request, RequestPath } from './request-paths.js';

/** Where and how an attempt is made. Attempts count from 1. */
export interface Attempt {
  attempt: number;
  edge: Edge;
  service: number;
}

/** A request, and what is to be written down about its attempts. */
export interface Undertaking {
  request: Request;
  invoked(attempt: Attempt): void;
  acknowledged(attempt: number, messages: readonly ReceivedMessage[]): void;
  refused(attempt: number, code: string, rule: string | undefined): void;
  lost(attempt: number, reason: string): void;
  /** The client gave up, at the end of the run. */
  abandoned(): void;
}

export interface RequesterOptions {
  path: RequestPath;
  /** The services' ports. */
  ports: readonly number[];
  /** Milliseconds between an answer and the next request, on average. */
  pauseMs: number;
  random: Random;
  /** What to do next; undefined when there is nothing to do now. */
  next: () => Undertaking | undefined;
}

/** How soon a request is repeated that was not answered, or answered with "try again". Milliseconds. */
const RETRY_MS = 100;

/** A client that makes one request after the other, and repeats each on either service until it is answered. So its own order is known. */
export class Requester {
  private stopped = false;
  private deadline = Number.POSITIVE_INFINITY;
  private running: Promise<void> | undefined;

  constructor(private readonly options: RequesterOptions) {}

  start(): void {
    this.running = this.run();
  }

  /** No further request. Resolves when the last one is answered, or given up after `boundMs`. */
  async stop(boundMs: number): Promise<void> {
    this.stopped = true;
    this.deadline = performance.now() + boundMs;
    await this.running;
    this.options.path.close();
  }

  private async run(): Promise<void> {
    const { random, pauseMs, next } = this.options;
    while (!this.stopped) {
      const undertaking = next();
      if (undertaking) await this.carryOut(undertaking);
      await sleep(pauseMs * (0.5 + random.next()));
    }
  }

  private async carryOut(undertaking: Undertaking): Promise<void> {
    const { random, ports, path } = this.options;
    let service = random.int(0, ports.length);
    for (let attempt = 1; ; attempt += 1) {
      undertaking.invoked({ attempt, edge: path.edge, service });
      const outcome = await path.send(ports[service] ?? 0, undertaking.request);
      if (isSettled(undertaking, attempt, outcome)) return;
      if (performance.now() > this.deadline) {
        undertaking.abandoned();
        return;
      }
      await sleep(RETRY_MS);
      service = (service + 1) % ports.length;
    }
  }
}

/** Passes the outcome on. */
function isSettled(undertaking: Undertaking, attempt: number, outcome: Outcome<ReceivedMessage[]>): boolean {
  switch (outcome.kind) {
    case 'answered':
      undertaking.acknowledged(attempt, outcome.data);
      return true;
    case 'refused':
      undertaking.refused(attempt, outcome.code, outcome.rule);
      return outcome.code !== 'SERVICE_UNAVAILABLE';
    case 'lost':
      undertaking.lost(attempt, outcome.reason);
      return false;
  }
}
