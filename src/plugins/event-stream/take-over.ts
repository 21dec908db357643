import type { OutgoingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyReply } from 'fastify';

/**
 * Begins a 200 answer and takes its connection from the HTTP server, which forgets the request and its response: they would take more
 * memory than the rest of a stream. To all hooks that wait for the response's `close`, the request is over.
 *
 * The body ends with the connection (https://www.rfc-editor.org/rfc/rfc9112#section-6.3, item 8). So the same bytes can be written to any
 * number of connections, of HTTP/1.0 too, and a connection with them is an event stream as a client reads it.
 *
 * The connection must be open, and `reply` the answer to the last request on it (`isLastRequest`). Who sends anything further is cut off.
 *
 * @param headers with names in lower case
 */
export function takeOver(reply: FastifyReply, headers: OutgoingHttpHeaders): Socket {
  const { raw } = reply;
  const { socket } = raw;
  if (!socket) throw new Error('A connection can be taken only while its answer is the next to be written.');
  reply.hijack();
  raw.useChunkedEncodingByDefault = false;
  const all = { ...reply.getHeaders(), ...headers, connection: 'close' };
  for (const [name, value] of Object.entries(all)) if (value !== undefined) raw.setHeader(name, value);
  raw.writeHead(200);
  raw.flushHeaders();
  raw.detachSocket(socket);
  raw.emit('close');
  // The parser would dispatch further requests, whose answers would be written into the stream.
  socket.removeAllListeners('data');
  socket.on('data', cutOff);
  socket.setTimeout(0);
  return socket;
}

function cutOff(this: Socket): void {
  this.destroy();
}
