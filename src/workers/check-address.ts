import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Fails like `app.listen` when the address is not available. Called before the first run, which creates credentials that are
 * printed only once the service listens.
 */
export async function checkAddress({ host, port }: { host: string; port: number }): Promise<void> {
  const probe = createServer().listen({ host, port });
  await once(probe, 'listening');
  probe.close();
  await once(probe, 'close');
}
