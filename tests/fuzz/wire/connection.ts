import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A TCP connection to the service that keeps every byte which comes. It knows no protocol. */
export class Connection {
  private chunks: Buffer[] = [];
  private readonly watchers = new Set<() => void>();
  isClosed = false;

  private constructor(private readonly socket: Socket) {
    socket.on('data', (chunk: Buffer) => {
      this.chunks.push(chunk);
      this.tell();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.isClosed = true;
      this.tell();
    });
  }

  /** @throws Error of Node's when nobody listens. */
  static async open(port: number): Promise<Connection> {
    const socket = connect(port, '127.0.0.1');
    socket.setNoDelay(true);
    await once(socket, 'connect');
    return new Connection(socket);
  }

  get received(): Buffer {
    if (this.chunks.length > 1) this.chunks = [Buffer.concat(this.chunks)];
    return this.chunks[0] ?? Buffer.alloc(0);
  }

  /** What is written to a connection that the server has closed goes nowhere. */
  write(bytes: Buffer): void {
    if (!this.isClosed && this.socket.writable) this.socket.write(bytes);
  }

  /** Says that nothing more will be written. */
  end(): void {
    if (!this.isClosed) this.socket.end();
  }

  /** Ends it at once, so that neither side keeps its port for a minute. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  /** True as soon as `isOver` is, which is asked whenever something came or the end did; false after `boundMs`. Rejects with what `isOver` throws. */
  async until(isOver: () => boolean, boundMs: number): Promise<boolean> {
    if (isOver()) return true;
    return await new Promise((resolve, reject) => {
      const stop = () => {
        clearTimeout(timer);
        this.watchers.delete(watcher);
      };
      const watcher = () => {
        try {
          if (!isOver()) return;
          stop();
          resolve(true);
        } catch (error) {
          stop();
          reject(error);
        }
      };
      const timer = setTimeout(() => {
        stop();
        resolve(false);
      }, boundMs);
      this.watchers.add(watcher);
    });
  }

  private tell(): void {
    for (const watcher of [...this.watchers]) watcher();
  }
}
