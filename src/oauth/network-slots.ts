import { customerNetwork } from '../domain/address.js';
import { serviceBusy } from '../domain/errors.js';
import { FairSlots } from '../domain/queues/fair-slots.js';

/** Requests that are worked on at the same time: of one network, and of all. */
const AT_ONCE = { perOwner: 8, total: 64 };
/** Requests that may wait. Each costs only its connection, on which its client sends nothing more meanwhile. */
const MAX_WAITING = 3000;
/** How long a request waits for a slot, in milliseconds. */
const TIMEOUT_MS = 2000;

interface Requester {
  /** The IP address that the request came from. */
  address: string;
  /** The response, whose `close` event tells that the client has gone. */
  connection: {
    readonly destroyed: boolean;
    once(event: 'close', listener: () => void): unknown;
    off(event: 'close', listener: () => void): unknown;
  };
}

/**
 * Limits how many token, revocation and introspection requests of one network run at the same time. Each costs database look-ups
 * before its sender is authenticated. Networks take turns, so a network that sends many requests delays only its own.
 */
export class NetworkSlots {
  private readonly slots: FairSlots;

  /** @param yieldSlot called when a request begins to wait; the function it returns is called when the wait ends */
  constructor(
    private readonly yieldSlot: () => () => void,
    private readonly options = { ...AT_ONCE, waiting: MAX_WAITING, timeoutMs: TIMEOUT_MS },
  ) {
    this.slots = new FairSlots({ ...options, waitingPerOwner: Number.POSITIVE_INFINITY }, serviceBusy);
  }

  /**
   * Waits for a slot. Returns the function that releases it, which may be called more than once.
   * @throws DomainError `SERVICE_UNAVAILABLE` when too many requests wait, after the timeout, and when the client has gone
   */
  async take({ address, connection }: Requester): Promise<() => void> {
    const { granted, release } = this.slots.take(customerNetwork(address));
    if (granted && !(await this.wait(granted, connection))) {
      release();
      throw serviceBusy();
    }
    return release;
  }

  /** Resolves to true when the slot was granted, to false after the timeout or when the connection has closed. */
  private async wait(granted: Promise<void>, connection: Requester['connection']): Promise<boolean> {
    if (connection.destroyed) return false;
    const endWait = this.yieldSlot();
    let giveUp = () => {};
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<boolean>((resolve) => {
        giveUp = () => resolve(false);
        timer = setTimeout(giveUp, this.options.timeoutMs);
        connection.once('close', giveUp);
        void granted.then(() => resolve(true));
      });
    } finally {
      clearTimeout(timer);
      connection.off('close', giveUp);
      endWait();
    }
  }
}
