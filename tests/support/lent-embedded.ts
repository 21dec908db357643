import { randomUUID } from 'node:crypto';
import { on, once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { LentEmbeddedAnswer, LentEmbeddedData, LentEmbeddedOrder } from './lent-embedded-thread.js';

/** A started embedded database, which its borrowers have one after another. */
export class LentEmbedded {
  private readonly answers: AsyncIterator<LentEmbeddedAnswer[]>;

  private constructor(
    private readonly thread: Worker,
    private readonly folder: string,
  ) {
    this.answers = on(thread, 'message');
  }

  static async start(template: string, folder: string): Promise<LentEmbedded> {
    const data: LentEmbeddedData = { template };
    const source = new URL('./lent-embedded-thread.ts', import.meta.url).href;
    const bootstrap = `import('tsx/esm/api').then((tsx) => { tsx.register(); return import('${source}'); });`;
    const thread = new Worker(bootstrap, { eval: true, workerData: data, execArgv: [] });
    await once(thread, 'online');
    return new LentEmbedded(thread, folder);
  }

  /** Listens where nobody has connected before; resolves to the URL of that. */
  async lend(): Promise<string> {
    const folder = join(this.folder, randomUUID().slice(0, 8));
    await mkdir(folder);
    this.order({ do: 'lend', socket: join(folder, '.s.PGSQL.5432') });
    await this.answer();
    return `postgresql://postgres@localhost/postgres?host=${encodeURIComponent(folder)}`;
  }

  /** Resolves when every connection has ended; `restored` then to whether the next one may have it. */
  async takeBack(): Promise<{ restored: Promise<boolean> }> {
    this.order({ do: 'take back' });
    await this.answer();
    const restored = this.answer().then((answer) => answer?.is === 'restored' && answer.asItWas);
    return { restored };
  }

  async end(): Promise<void> {
    await this.thread.terminate();
  }

  private order(order: LentEmbeddedOrder): void {
    this.thread.postMessage(order);
  }

  /** The next one that nobody has asked for. @throws what the thread ended with. */
  private async answer(): Promise<LentEmbeddedAnswer | undefined> {
    const { value } = await this.answers.next();
    return value?.[0];
  }
}
