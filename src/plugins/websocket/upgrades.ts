import { type IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';

const UNAVAILABLE =
  'HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n';

/** Headers that speak of this connection only (https://datatracker.ietf.org/doc/html/rfc9110#section-7.6.1). */
const HOP_BY_HOP = new Set(['connection', 'upgrade', 'http2-settings']);

/** How long a connection may stand between its request and its WebSocket, or its refusal, in milliseconds. */
const PATIENCE_MS = 30_000;

/**
 * Passes on the upgrades to WebSocket that a server gets. It never listens on a port itself; it is a `Server` because
 * @fastify/websocket wants one to hear `upgrade` from.
 *
 * Node hands over every request with an `Upgrade` header once somebody listens. One that offers another protocol (Java's
 * client and curl try `h2c` on their first request) is to be answered as if the offer were not there
 * (https://datatracker.ietf.org/doc/html/rfc9110#section-7.8), so it goes back to the server without it.
 */
export class WebSocketUpgrades extends Server {
  /** Connections that are no WebSocket yet. */
  private readonly pending = new Set<Duplex>();

  constructor(private readonly source: Server) {
    super();
    source.on('upgrade', this.pass);
  }

  /** From now on upgrades are refused with 503: one that nobody answers would keep the server from closing. */
  refuse(): void {
    this.source.off('upgrade', this.pass);
    this.source.on('upgrade', (_request, connection) => {
      connection.on('error', () => connection.destroy());
      connection.end(UNAVAILABLE, () => connection.destroy());
    });
  }

  /** The connection has become a WebSocket and looks after itself. */
  done(connection: Duplex): void {
    this.pending.delete(connection);
  }

  /** Cuts off those that were neither upgraded nor refused. */
  destroyPending(): void {
    for (const connection of this.pending) connection.destroy();
  }

  private readonly pass = (request: IncomingMessage, connection: Duplex, head: Buffer): void => {
    if (request.headers.upgrade?.toLowerCase() !== 'websocket') {
      this.serveWithoutUpgrade(request, connection, head);
      return;
    }
    // For the one that nobody answers. `ws` sets the time-out to none.
    request.socket.setTimeout(PATIENCE_MS, destroy);
    this.pending.add(connection);
    connection.once('close', () => this.done(connection));
    this.emit('upgrade', request, connection, head);
  };

  private serveWithoutUpgrade(request: IncomingMessage, connection: Duplex, head: Buffer): void {
    const lines = [`${request.method} ${request.url} HTTP/${request.httpVersion}`];
    for (let index = 0; index < request.rawHeaders.length; index += 2) {
      const [name = '', value = ''] = request.rawHeaders.slice(index, index + 2);
      if (!HOP_BY_HOP.has(name.toLowerCase())) lines.push(`${name}: ${value}`);
    }
    connection.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]));
    this.source.emit('connection', connection);
  }
}

function destroy(this: Duplex): void {
  this.destroy();
}
