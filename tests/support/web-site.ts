import { once } from 'node:events';
import { createServer } from 'node:http';

/**
 * A server of web pages that are not the service's. It answers under every name that ends with `.localhost`, which browsers
 * look for on the loopback address, so that one of it is as many sites as a test needs.
 */
export async function startWebSite(html: string) {
  const server = createServer((_request, response) => {
    response.setHeader('Content-Type', 'text/html; charset=utf-8');
    response.end(html);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return {
    loopback: `http://127.0.0.1:${port}`,
    /** Its origin under a name without `.localhost`. */
    origin: (name: string) => `http://${name}.localhost:${port}`,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

export type WebSite = Awaited<ReturnType<typeof startWebSite>>;
