import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';

const LAST = Symbol('response to the last request of the connection');

declare module 'node:net' {
  interface Socket {
    [LAST]?: ServerResponse;
  }
}

/**
 * Runs one request of a connection at a time. HTTP/1.1 lets a client pipeline requests
 * (https://www.rfc-editor.org/rfc/rfc9112#section-9.3.2), and Node dispatches all that arrive in one read in one turn of the
 * event loop: hundreds would run together while other clients wait. Each request now begins in a turn of its own, once the one
 * before it is answered. Register it before the plugins that count requests.
 */
async function pipelining(app: FastifyInstance) {
  app.addHook('onRequest', (request, reply, done) => {
    // An upgrade is the last request of its connection, and its response is released when the WebSocket opens.
    if (request.ws) {
      done();
      return;
    }
    const { socket } = request.raw;
    const before = socket[LAST];
    socket[LAST] = reply.raw;
    reply.raw.on('close', forget);
    if (before === undefined || before.writableFinished || before.destroyed) {
      done();
      return;
    }
    before.once('close', () => {
      setImmediate(() => {
        // On a closed connection nobody reads the answer, and Node emits no `close` for a response that has not begun.
        if (!socket.destroyed) done();
      });
    });
  });
}

/** Whether no further request has arrived on the response's connection. */
export function isLastRequest(response: ServerResponse): boolean {
  const last = response.req.socket[LAST];
  return last === undefined || last === response;
}

/** Releases the last response, so that an idle connection does not keep it in memory. */
function forget(this: ServerResponse): void {
  const { socket } = this.req;
  if (socket[LAST] === this) socket[LAST] = undefined;
}

export default fp(pipelining, { name: 'pipelining' });
