import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../random.js';
import type { TcpProxy } from '../tcp-proxy.js';

export interface ReturningOptions {
  name: string;
  /** The services' ports. */
  ports: readonly number[];
  /** The service to begin with. */
  service: number;
  /** Stands between the client and whichever service it is at. */
  proxy?: TcpProxy | undefined;
  /** How long it waits before it comes back, on average, in milliseconds; default 150. */
  returnMs?: number;
  random: Random;
}

/** Where a connection leads to. */
export interface Place {
  service: number;
  /** Of the proxy, where there is one. */
  port: number;
}

const RETURN_MS = 150;

/** A client that comes back, to the other service, whenever its connection ends. */
export abstract class ReturningClient<Options extends ReturningOptions> {
  protected isStopped = false;
  private service: number;
  private end: () => void = () => {};

  constructor(protected readonly options: Options) {
    this.service = options.service;
  }

  get name(): string {
    return this.options.name;
  }

  get proxy(): TcpProxy | undefined {
    return this.options.proxy;
  }

  start(): void {
    void this.run();
  }

  stop(): void {
    this.isStopped = true;
    this.end();
  }

  /** Connects, and calls `ended` when the connection is over. Returns what ends it without a further call. */
  protected abstract open(place: Place, ended: () => void): () => void;

  /** Called before the first connection. */
  protected async begin(): Promise<void> {}

  private async run(): Promise<void> {
    const { random, returnMs = RETURN_MS } = this.options;
    await this.begin();
    while (!this.isStopped) {
      await this.connect();
      await sleep(returnMs * (0.5 + random.next()));
      this.service = (this.service + 1) % this.options.ports.length;
    }
  }

  /** Resolves when the connection has ended. */
  private connect(): Promise<void> {
    const { ports, proxy } = this.options;
    const { service } = this;
    const port = ports[service] ?? 0;
    proxy?.retarget({ port });
    return new Promise((resolve) => {
      const close = this.open({ service, port: proxy?.port ?? port }, resolve);
      this.end = () => {
        close();
        resolve();
      };
    });
  }
}
