import type { FastifyRequest } from 'fastify';
import type { Tally } from '../../domain/counts.js';
import { clientAddress, countedNetworks } from '../limits/address.js';
import type { Budget } from '../limits/exhausted-budgets.js';
import { NetworkQuota } from '../limits/network-quota.js';
import { tooManySockets } from './user-sockets.js';

/** The number of open sockets and event streams per address and process. They count from before their token is checked. */
export class AddressSockets {
  private readonly quota: NetworkQuota;

  /** @param max for one IPv4 address or one IPv6 /64 */
  constructor(
    max: number,
    private readonly budgets: Tally<Budget>,
  ) {
    this.quota = new NetworkQuota(max);
  }

  /** Counts one more. Returns what ends the count; call it once. @throws DomainError `RATE_LIMITED` at the limit. */
  take(request: Pick<FastifyRequest, 'ip' | 'socket'>): () => void {
    const networks = countedNetworks(clientAddress(request));
    if (!this.quota.take(networks)) {
      this.budgets.add('sockets_per_address');
      throw tooManySockets();
    }
    return () => this.quota.release(networks);
  }
}
