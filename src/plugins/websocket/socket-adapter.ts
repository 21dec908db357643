import type { EventEmitter } from 'node:events';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { WebSocket } from 'ws';

/** Makes of a socket the one that the route's `wsHandler` gets. Undefined when the adapter closed it: the handler is not called. */
export type SocketAdapter = (socket: WebSocket, request: FastifyRequest) => EventEmitter | undefined;

declare module 'fastify' {
  interface FastifyContextConfig {
    adaptSocket?: SocketAdapter;
  }
}

/**
 * Lets a route stand between the network and a WebSocket handler that it did not write, by `config.adaptSocket`. To be
 * called before @fastify/websocket is registered, which takes each route's `wsHandler` as it finds it.
 */
export function adaptSockets(app: FastifyInstance): void {
  app.addHook('onRoute', (route) => {
    const { wsHandler } = route;
    const adapt = route.config?.adaptSocket;
    if (!wsHandler || !adapt) return;
    route.wsHandler = function handleAdapted(socket, request) {
      const adapted = adapt(socket, request);
      return adapted && Reflect.apply(wsHandler, this, [adapted, request]);
    };
  });
}
