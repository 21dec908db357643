import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LentEmbedded } from './lent-embedded.js';

/** Lends the embedded databases of a run. Whoever asks is the only one who has it. */
export interface EmbeddedLender {
  /** Where to ask: a connection is a loan. Its URL comes as one line; who ends the connection gives it back. */
  readonly address: string;
  close(): Promise<void>;
}

/**
 * A start takes a second of CPU, and to empty a database that runs takes a twentieth of it. So what was given back as it was is lent
 * again, and what a test changed beyond rows is thrown away. The first one starts when somebody asks.
 */
export async function startEmbeddedLender(template: string): Promise<EmbeddedLender> {
  const folder = await mkdtemp(join(tmpdir(), 'chat-api-lent-'));
  const all = new Set<LentEmbedded>();
  /** Those that were given back, as soon as they are restored. */
  const free: Promise<LentEmbedded | undefined>[] = [];

  const take = async (): Promise<LentEmbedded> => {
    for (let next = free.shift(); next; next = free.shift()) {
      const restored = await next;
      if (restored) return restored;
    }
    const started = await LentEmbedded.start(template, folder);
    all.add(started);
    return started;
  };

  const restoredOrGone = async (database: LentEmbedded, restored: Promise<boolean>) => {
    if (await restored.catch(() => false)) return database;
    all.delete(database);
    await database.end();
    return undefined;
  };

  const lend = async (borrower: Socket) => {
    borrower.on('error', () => {});
    // Its end comes when this is read.
    borrower.resume();
    const givenBack = once(borrower, 'end');
    const database = await take();
    borrower.write(`${await database.lend()}\n`);
    await givenBack.catch(() => {});
    const { restored } = await database.takeBack();
    free.push(restoredOrGone(database, restored));
    borrower.end();
  };

  const server = createServer({ allowHalfOpen: true }, (borrower) => {
    lend(borrower).catch((error: unknown) => {
      process.stderr.write(`No embedded database could be lent: ${error}\n`);
      borrower.destroy();
    });
  });
  const address = join(folder, 'lender');
  server.listen(address);
  await once(server, 'listening');
  return {
    address,
    async close() {
      server.close();
      await Promise.all([...all].map((database) => database.end()));
      await rm(folder, { recursive: true, force: true });
    },
  };
}
