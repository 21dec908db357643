import type { FastifyInstance } from 'fastify';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Switches @fastify/cors off for a route. */
    cors?: false;
  }
}

/**
 * Switches @fastify/cors off for the routes that an instance registers after this call. Browsers navigate to these pages; scripts of
 * other origins must not call them (https://datatracker.ietf.org/doc/html/rfc9700#section-2.6).
 */
export function disableCors(app: FastifyInstance): void {
  app.addHook('onRoute', (route) => {
    route.config = { ...route.config, cors: false };
  });
}
