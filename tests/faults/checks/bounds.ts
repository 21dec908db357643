/** What the service promises in time, in milliseconds. */
export const BOUNDS = {
  /** A send is answered, also while the database is away. */
  answer: 3000,
  /** Everything goes on so soon after the database is back. */
  recovery: 2000,
  /** A listener gets a change so soon when Redis does not bring it: a probe of the log every second, and one more when that one just missed it. */
  deliveryWithoutBus: 2500,
  /** Half of the changes come so soon without Redis. */
  medianWithoutBus: 1100,
  /** Who reads is not kept waiting by who does not; on a machine that does everything at once. */
  deliveryBesideStalled: 2000,
  /** A socket that does not read is given up. */
  stalled: 15_000,
  /** A close or a removal that was seen by one side is seen by the other. */
  closing: 2000,
  /**
   * How much longer TCP may hold back what it has taken for a socket that did not read. Its probes of a closed window come at
   * growing intervals (RFC 9293 §3.8.6.1), and a window that opens by less than a segment, which is 64 KiB on a loopback, waits for
   * the next one (§3.8.6.2.1): after a stall of 24 s, 14 s later.
   */
  tcpProbing: 30_000,
  /** After the last fault everybody reaches the head. */
  catchUp: 10_000,
} as const;
