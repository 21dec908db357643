// The thread that is one embedded database, in memory, lent to one borrower after another. Each has a socket of its own.
import { readFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import { SharedSession } from '../../src/plugins/database/embedded-session.js';
import { restore, stateOf } from './embedded-state.js';

/** What the thread is started with: a tar file of a data folder. */
export interface LentEmbeddedData {
  template: string;
}

/** `lend` is the socket to listen on. */
export type LentEmbeddedOrder = { do: 'lend'; socket: string } | { do: 'take back' };

/** The answers, in their order: to `lend` the first one, to `take back` the second and the third. */
export type LentEmbeddedAnswer = { is: 'lent' } | { is: 'back' } | { is: 'restored'; asItWas: boolean };

const { template }: LentEmbeddedData = workerData;
const session = await SharedSession.open({ loadDataDir: new Blob([readFileSync(template)]) });
const original = await stateOf(session);
let server: PGLiteSocketServer | undefined;

const answer = (message: LentEmbeddedAnswer) => parentPort?.postMessage(message);

parentPort?.on('message', async (order: LentEmbeddedOrder) => {
  if (order.do === 'lend') {
    server = new PGLiteSocketServer({ db: session, path: order.socket, maxConnections: 200 });
    await server.start();
    answer({ is: 'lent' });
  } else {
    await server?.stop();
    answer({ is: 'back' });
    answer({ is: 'restored', asItWas: await restore(session, original).catch(() => false) });
  }
});
