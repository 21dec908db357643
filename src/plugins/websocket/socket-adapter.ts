import type { EventEmitter } from 'node:events';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { WebSocket } from 'ws';

/**
 * Wraps a socket for the route's `wsHandler`. Undefined when the adapter has closed the socket; the handler is then not called.
 */
export type SocketAdapter = (socket: WebSocket, request: FastifyRequest) => EventEmitter | undefined;

declare module 'fastify' {
  interface FastifyContextConfig {
    adaptSocket?: SocketAdapter;
  }
}

/**
 * Applies a route's `config.adaptSocket` before its `wsHandler`, so that a library's handler can be given another socket. Call
 * before @fastify/websocket is registered, which captures each route's `wsHandler`.
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
