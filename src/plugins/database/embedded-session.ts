import { PGlite, type PGliteOptions } from '@electric-sql/pglite';
import { SESSION_SETTINGS } from './session-settings.js';

/**
 * PostgreSQL's own cache of database pages. It is resident from the start, and above about 50 MB the WebAssembly memory has to
 * grow, which makes all of it resident. With 32 MB instead of the default of 128 MB, sends to a database of 400 MB cost the same,
 * and pages of history 8 to 20 % more CPU: the operating system caches the files too. With 8 MB sends cost up to a fifth more.
 */
const SHARED_BUFFERS = '32MB';

/** First bytes of protocol messages. https://www.postgresql.org/docs/current/protocol-message-formats.html */
const message = { parse: 0x50, bind: 0x42, describe: 0x44, execute: 0x45, close: 0x43, flush: 0x48, sync: 0x53 };
const opensExchange = new Set([
  message.parse,
  message.bind,
  message.describe,
  message.execute,
  message.close,
  message.flush,
]);
const syncMessage = new Uint8Array([message.sync, 0, 0, 0, 4]);

/**
 * A PGlite session that several connections share through one queue.
 *
 * Outside a transaction block pglite-socket interleaves the messages of all connections. An extended query is several messages,
 * from Parse to Sync, that share the session's unnamed statement: when a large parameter arrives in several chunks, another
 * connection's Parse in between would replace the statement. So during such an exchange the session reports that it is in a
 * transaction, which makes the queue serve only that connection.
 */
export class SharedSession extends PGlite {
  #inExchange = false;

  static async open(options: PGliteOptions): Promise<SharedSession> {
    const startParams = [...PGlite.defaultStartParams, '-c', `shared_buffers=${SHARED_BUFFERS}`];
    const session = new SharedSession({ ...options, startParams });
    await session.waitReady;
    for (const [name, value] of Object.entries(SESSION_SETTINGS)) await session.exec(`SET ${name} = '${value}'`);
    return session;
  }

  override isInTransaction(): boolean {
    return this.#inExchange || super.isInTransaction();
  }

  override async execProtocolRawStream(...[bytes, options]: Parameters<PGlite['execProtocolRawStream']>) {
    await super.execProtocolRawStream(bytes, options);
    this.#inExchange = opensExchange.has(bytes[0] ?? 0);
  }

  /** The queue calls this with ROLLBACK when a connection closes during an exchange. After an error only a Sync is processed. */
  override async exec(...[query, options]: Parameters<PGlite['exec']>) {
    if (this.#inExchange) {
      await this.execProtocolRaw(syncMessage);
      this.#inExchange = false;
    }
    return super.exec(query, options);
  }
}
