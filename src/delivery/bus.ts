export type BusHandler = (payload: string) => void;

/**
 * Carries payloads between the processes of the service, at most once. Nothing downstream trusts it: what it loses,
 * repeats or reorders is repaired from the log. A publisher's own handlers are called too, before `publish` returns.
 */
export interface Bus {
  /** Resolves when the payload was handed over; rejects when it could not be, which no caller has to treat as a failure. */
  publish(topic: string, payload: string): Promise<void>;
  /** Resolves to the way to end it. Handlers of this process work at once; those of other processes as soon as they can. */
  subscribe(topic: string, handler: BusHandler): Promise<() => void>;
  /** Called whenever payloads of other processes may have been lost: after a reconnect. */
  onReset(handler: () => void): void;
  /** Resolves when the bus carries payloads, rejects with what is wrong otherwise, within a second. */
  check(): Promise<void>;
  close(): Promise<void>;
}

export const chatTopic = (chatId: string) => `chat:${chatId}`;
export const CONTROL_TOPIC = 'control';
