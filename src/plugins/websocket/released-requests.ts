import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import type { WebSocket } from 'ws';
import { ChatSocket } from './chat-socket.js';

/** Called when a socket fails. `log` carries the id of its upgrade request. */
export type OnSocketError = (error: Error, socket: WebSocket, log: Pick<FastifyBaseLogger, 'debug' | 'error'>) => void;

/**
 * Releases the upgrade request of each WebSocket, with its response, headers and logger. They would live as long as the socket
 * and take 5 of its 12 KiB. Call before @fastify/websocket is registered.
 *
 * @returns call it with the upgrade request when its socket is open
 */
export function releaseRequests(app: FastifyInstance, onError: OnSocketError): (request: IncomingMessage) => void {
  const responses = new WeakMap<IncomingMessage, ServerResponse>();
  function handleError(this: WebSocket, error: Error) {
    onError(error, this, this instanceof ChatSocket ? app.log.child({ reqId: this.requestId }) : app.log);
  }

  app.addHook('onRequest', (request, reply, done) => {
    if (request.raw.headers.upgrade !== undefined) responses.set(request.raw, reply.raw);
    done();
  });

  app.addHook('onRoute', (route) => {
    const { wsHandler } = route;
    if (!wsHandler) return;
    route.wsHandler = function handleReleased(socket, request) {
      if (socket instanceof ChatSocket) socket.requestId = request.id;
      // The listener that @fastify/websocket has just added holds the request and its reply.
      socket.removeAllListeners('error');
      socket.on('error', handleError);
      return wsHandler.call(this, socket, request);
    };
  });

  return (request) => {
    responses.get(request)?.detachSocket(request.socket);
    responses.delete(request);
  };
}
