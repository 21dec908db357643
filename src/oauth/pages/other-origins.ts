import type { FastifyInstance } from 'fastify';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** @fastify/cors leaves such a route alone. */
    cors?: false;
  }
}

/**
 * Switches @fastify/cors off for the routes that an instance registers from here on: clients send people to these pages and
 * never call them, so that no script of another origin belongs there
 * (https://datatracker.ietf.org/doc/html/rfc9700#section-2.6).
 */
export function refuseOtherOrigins(app: FastifyInstance): void {
  app.addHook('onRoute', (route) => {
    route.config = { ...route.config, cors: false };
  });
}
