import type { FastifyInstance } from 'fastify';
import { Tally } from '../domain/counts.js';

declare module 'fastify' {
  interface FastifyInstance {
    /** The errors that clients were told in answers whose HTTP status does not say so, by edge and code: `graphql NOT_FOUND`. For the metrics. */
    clientErrors: Tally;
  }
}

/** The counts of this instance, which the first edge makes. */
export function clientErrors(app: FastifyInstance): Tally {
  if (!app.hasDecorator('clientErrors')) app.decorate('clientErrors', new Tally());
  return app.clientErrors;
}
