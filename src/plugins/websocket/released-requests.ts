import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import type { WebSocket } from 'ws';
import { ChatSocket } from './chat-socket.js';

/** Told of a socket that failed. `log` names the request that it came from. */
export type OnSocketError = (error: Error, socket: WebSocket, log: Pick<FastifyBaseLogger, 'debug' | 'error'>) => void;

/**
 * Lets go of the request that a WebSocket came from, with its response, headers and logger: they would stay as long as the
 * socket and take more than it does, 5 of 12 KiB. To be called before @fastify/websocket is registered.
 */
export function releaseRequests(app: FastifyInstance, onError: OnSocketError): (request: IncomingMessage) => void {
  const responses = new WeakMap<IncomingMessage, ServerResponse>();
  function hearError(this: WebSocket, error: Error) {
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
      // The listener that @fastify/websocket has just put there holds the request and its reply.
      socket.removeAllListeners('error');
      socket.on('error', hearError);
      return wsHandler.call(this, socket, request);
    };
  });

  /** To be called when the socket is open: its connection is not its response's any more. */
  return (request) => {
    responses.get(request)?.detachSocket(request.socket);
    responses.delete(request);
  };
}
