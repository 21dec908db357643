import { PGlite, type PGliteOptions } from '@electric-sql/pglite';
import { SESSION_SETTINGS } from './session-settings.js';

/** The first byte of the protocol's messages. https://www.postgresql.org/docs/current/protocol-message-formats.html */
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
 * PGlite for several connections behind one queue.
 *
 * pglite-socket lets another connection's message in between unless a transaction block is open. But an extended query
 * is several messages, from Parse to Sync, that share the session's unnamed statement: a large parameter arrives in
 * pieces, and a neighbour's Parse in the gap would swap the statement. So a session in the middle of an exchange says
 * that it is in a transaction, which keeps the queue with its connection.
 */
export class SharedSession extends PGlite {
  #inExchange = false;

  static async open(options: PGliteOptions): Promise<SharedSession> {
    const session = new SharedSession(options);
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

  /** The queue calls this with ROLLBACK when a connection ends in the middle. After an error only a Sync is heard. */
  override async exec(...[query, options]: Parameters<PGlite['exec']>) {
    if (this.#inExchange) {
      await this.execProtocolRaw(syncMessage);
      this.#inExchange = false;
    }
    return super.exec(query, options);
  }
}
