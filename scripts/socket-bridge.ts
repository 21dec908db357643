import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';

/** Forwards TCP connections to a database on a Unix socket. */
export interface Bridge {
  /** The database's URL on 127.0.0.1. While the bridge is open, every user of this machine can connect to it. */
  readonly url: string;
  close(): Promise<void>;
}

/** Opens a bridge, for clients without support for Unix sockets. The parameter `host` of `databaseUrl` is the socket's folder. */
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
