import { once } from 'node:events';
import { createConnection, createServer, type Server, type Socket } from 'node:net';

/** Where a proxy leads to: a port of the loopback address. */
export interface Target {
  port: number;
}

export type Direction = 'to client' | 'to server';

/** Passes bytes on; may lose, repeat or change them. Made anew for each connection. */
export type Alteration = (deliver: (bytes: Buffer) => void) => (bytes: Buffer) => void;

/**
 * Stands between clients and a server on the loopback address and breaks their connections on demand. What is set holds for
 * the connections of now and for those to come, until `heal`.
 */
export class TcpProxy {
  private readonly links = new Set<Link>();
  private readonly stalled = new Set<Direction>();
  private bytesPerSecond = Number.POSITIVE_INFINITY;

  private constructor(
    private readonly server: Server,
    private target: Target,
    private readonly alterToClient: Alteration | undefined,
  ) {
    server.on('connection', (client) => this.connect(client));
  }

  static async listen(target: Target, alterToClient?: Alteration): Promise<TcpProxy> {
    const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new TcpProxy(server, target, alterToClient);
  }

  get port(): number {
    const address = this.server.address();
    if (address === null || typeof address === 'string') throw new Error('The proxy does not listen.');
    return address.port;
  }

  /** Connections open now. */
  get size(): number {
    return this.links.size;
  }

  /** Leads the connections to come elsewhere. */
  retarget(target: Target): void {
    this.target = target;
  }

  /** Ends every connection, without a good-bye. */
  cut(): void {
    for (const link of this.links) link.destroy();
  }

  /** Lets no byte through in this direction. The sender sees its buffers fill and nothing else. */
  stall(direction: Direction): void {
    this.stalled.add(direction);
    this.apply();
  }

  /** Lets so many bytes a second through in each direction of each connection. */
  slow(bytesPerSecond: number): void {
    this.bytesPerSecond = bytesPerSecond;
    this.apply();
  }

  /** Ends stalls and slowness: what was held back goes on its way. */
  heal(): void {
    this.stalled.clear();
    this.slow(Number.POSITIVE_INFINITY);
  }

  async close(): Promise<void> {
    this.cut();
    this.server.close();
    await once(this.server, 'close');
  }

  private connect(client: Socket): void {
    const server = createConnection({ ...this.target, host: '127.0.0.1', allowHalfOpen: true });
    const link = new Link(client, server, this.alterToClient, () => this.links.delete(link));
    this.links.add(link);
    link.set(this.stalled, this.bytesPerSecond);
  }

  private apply(): void {
    for (const link of this.links) link.set(this.stalled, this.bytesPerSecond);
  }
}

/** One connection through the proxy. */
class Link {
  private readonly lanes: Record<Direction, Lane>;

  constructor(
    private readonly client: Socket,
    private readonly server: Socket,
    alterToClient: Alteration | undefined,
    onClose: () => void,
  ) {
    this.lanes = {
      'to client': new Lane(server, client, alterToClient),
      'to server': new Lane(client, server, undefined),
    };
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', () => this.destroy());
      socket.on('close', () => {
        this.destroy();
        onClose();
      });
    }
  }

  set(stalled: ReadonlySet<Direction>, bytesPerSecond: number): void {
    this.lanes['to client'].set(stalled.has('to client'), bytesPerSecond);
    this.lanes['to server'].set(stalled.has('to server'), bytesPerSecond);
  }

  destroy(): void {
    this.client.destroy();
    this.server.destroy();
  }
}

/** One direction of a link. Reads no more than it may pass on, so that a sender feels what its reader does. */
class Lane {
  private readonly pass: (bytes: Buffer) => void;
  private isStalled = false;
  private bytesPerSecond = Number.POSITIVE_INFINITY;
  private waitsForDrain = false;
  private resting: NodeJS.Timeout | undefined;

  constructor(
    private readonly from: Socket,
    to: Socket,
    alteration: Alteration | undefined,
  ) {
    const write = (bytes: Buffer) => {
      if (!to.writable || to.write(bytes)) return;
      this.waitsForDrain = true;
      this.flow();
    };
    this.pass = alteration?.(write) ?? write;
    from.on('data', (bytes) => this.take(bytes));
    from.on('end', () => to.end());
    to.on('drain', () => {
      this.waitsForDrain = false;
      this.flow();
    });
    from.on('close', () => clearTimeout(this.resting));
  }

  set(isStalled: boolean, bytesPerSecond: number): void {
    this.isStalled = isStalled;
    this.bytesPerSecond = bytesPerSecond;
    this.rest(0);
  }

  private take(bytes: Buffer): void {
    this.pass(bytes);
    if (Number.isFinite(this.bytesPerSecond)) this.rest((bytes.length / this.bytesPerSecond) * 1000);
  }

  /** Reads nothing for so long: what came at once is paid for afterwards. Milliseconds. */
  private rest(ms: number): void {
    clearTimeout(this.resting);
    this.resting = undefined;
    if (ms > 0) {
      this.resting = setTimeout(() => {
        this.resting = undefined;
        this.flow();
      }, ms);
    }
    this.flow();
  }

  private flow(): void {
    if (this.isStalled || this.waitsForDrain || this.resting) this.from.pause();
    else this.from.resume();
  }
}
