import { countedNetworks } from '../limits/address.js';
import { NetworkQuota } from '../limits/network-quota.js';
import type { ChatSocket } from './chat-socket.js';

/** Sockets of one address that may send a large message before they are authenticated. */
const PER_ADDRESS = 16;
/** 16 times as many in the process: 256 sockets, which hold at most 64 KiB each. */
const PROCESS = { name: 'process', factor: 16 };

/**
 * Bounds the memory of unfinished messages on sockets that are not authenticated yet and so count for no user. Each socket may
 * hold a little; a few per address, and in the process, may hold a whole message.
 */
export class UnauthenticatedSockets {
  private readonly largeMessages = new NetworkQuota(PER_ADDRESS);

  /** Call when the socket is open, before anything is read from it. @param address the client's IP address */
  add(socket: ChatSocket, address: string): void {
    const networks = [...countedNetworks(address), PROCESS];
    socket.limitUntilAuthenticated({
      take: () => this.largeMessages.take(networks),
      release: () => this.largeMessages.release(networks),
    });
  }
}
