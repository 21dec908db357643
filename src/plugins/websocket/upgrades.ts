import { type IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';

const UNAVAILABLE =
  'HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n';

/** Headers that apply to this connection only (https://datatracker.ietf.org/doc/html/rfc9110#section-7.6.1). */
const HOP_BY_HOP = new Set(['connection', 'upgrade', 'http2-settings']);

/** How long an upgrade may take to be accepted or refused, in milliseconds. */
const TIMEOUT_MS = 30_000;

/**
 * Forwards a server's WebSocket upgrades. It never listens on a port; it is a `Server` because @fastify/websocket needs one
 * that emits `upgrade`.
 *
 * Once `upgrade` has a listener, Node emits it for every request with an `Upgrade` header. A request that offers another
 * protocol (Java's client and curl try `h2c` on their first request) has to be answered as if it had no such header
 * (https://datatracker.ietf.org/doc/html/rfc9110#section-7.8), so it is handed back to the server without it.
 */
export class WebSocketUpgrades extends Server {
  /** Connections whose upgrade is neither accepted nor refused yet. */
  private readonly pending = new Set<Duplex>();

  constructor(private readonly source: Server) {
    super();
    source.on('upgrade', this.forward);
  }

  /** Refuses all further upgrades with 503. An unanswered one would keep the server from closing. */
  refuse(): void {
    this.source.off('upgrade', this.forward);
    this.source.on('upgrade', (_request, connection) => {
      connection.on('error', () => connection.destroy());
      connection.end(UNAVAILABLE, () => connection.destroy());
    });
  }

  /** The connection has become a WebSocket, which now closes it. */
  done(connection: Duplex): void {
    this.pending.delete(connection);
  }

  /** Cuts off the connections whose upgrade is neither accepted nor refused. */
  destroyPending(): void {
    for (const connection of this.pending) connection.destroy();
  }

  private readonly forward = (request: IncomingMessage, connection: Duplex, head: Buffer): void => {
    if (request.headers.upgrade?.toLowerCase() !== 'websocket') {
      this.serveWithoutUpgrade(request, connection, head);
      return;
    }
    // Ends an upgrade that nothing answers. `ws` clears the time-out.
    request.socket.setTimeout(TIMEOUT_MS, destroy);
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
