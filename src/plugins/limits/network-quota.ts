import type { Network } from '../../domain/address.js';
import { Quota } from './quota.js';

/** A quota per network. A wider network's quota is larger, by its factor, and shared by the networks inside it. */
export class NetworkQuota {
  private readonly places: Quota;

  /** @param max for one IPv4 address or one IPv6 /64 */
  constructor(max: number) {
    this.places = new Quota(max);
  }

  /** Takes one unit from each of these networks. Takes nothing and returns false when one of them has none left. */
  take(networks: readonly Network[]): boolean {
    const taken: Network[] = [];
    for (const network of networks) {
      if (!this.places.take(network.name, 1, network.factor)) {
        this.release(taken);
        return false;
      }
      taken.push(network);
    }
    return true;
  }

  release(networks: readonly Network[]): void {
    for (const { name } of networks) this.places.release(name);
  }
}
