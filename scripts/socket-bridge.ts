import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';

/** A database at a Unix socket, reached over TCP. */
export interface Bridge {
  /** The database's URL on 127.0.0.1, which anybody on this machine can use for as long as the bridge stands. */
  readonly url: string;
  close(): Promise<void>;
}

/** For clients that know no Unix sockets. `databaseUrl` names the folder of one in its parameter `host`. */
export async function bridgeToTcp(databaseUrl: string): Promise<Bridge> {
  const url = new URL(databaseUrl);
  const path = join(url.searchParams.get('host') ?? '', '.s.PGSQL.5432');
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const database = connect(path);
    for (const [socket, other] of [
      [client, database],
      [database, client],
    ] as const) {
      open.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        open.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: onTcp(url, server.address()),
    async close() {
      server.close();
      for (const socket of open) socket.destroy();
      await once(server, 'close');
    },
  };
}

function onTcp(url: URL, address: AddressInfo | string | null): string {
  if (address === null || typeof address === 'string') throw new Error('The bridge has no port.');
  const bridged = new URL(url);
  bridged.host = `127.0.0.1:${address.port}`;
  bridged.searchParams.delete('host');
  return bridged.href;
}
