import type { FastifyInstance } from 'fastify';
import { Tally } from '../../domain/counts.js';

/** A limit that refuses requests, connections or frames. */
export type Budget =
  | 'requests_per_address'
  | 'requests_per_user'
  | 'requests_at_once'
  | 'event_loop_delay'
  | 'incoming_bodies'
  | 'unread_answers'
  | 'operation_seconds'
  | 'sockets_per_address'
  | 'sockets_per_user'
  | 'frames';

const BUDGETS: readonly Budget[] = [
  'requests_per_address',
  'requests_per_user',
  'requests_at_once',
  'event_loop_delay',
  'incoming_bodies',
  'unread_answers',
  'operation_seconds',
  'sockets_per_address',
  'sockets_per_user',
  'frames',
];

declare module 'fastify' {
  interface FastifyInstance {
    /** How often each limit of the process has refused something, for the metrics. */
    exhaustedBudgets: Tally<Budget>;
  }
}

/** The counts of this instance, which the first plugin with a limit makes. */
export function exhaustedBudgets(app: FastifyInstance): Tally<Budget> {
  if (!app.hasDecorator('exhaustedBudgets')) app.decorate('exhaustedBudgets', new Tally(BUDGETS));
  return app.exhaustedBudgets;
}
