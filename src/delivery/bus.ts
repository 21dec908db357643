export type BusHandler = (payload: string) => void;

/**
 * Carries payloads between the processes of the service, at most once. It may lose, repeat and reorder them: consumers repair that
 * from the log. `publish` calls the handlers of its own process before it returns.
 */
export interface Bus {
  /** Resolves when the payload was sent to the other processes. Rejects when it could not be; callers may ignore that. */
  publish(topic: string, payload: string): Promise<void>;
  /**
   * Resolves to the function that unsubscribes. Payloads of this process arrive at once; those of other processes as soon as the
   * subscription reaches them.
   */
  subscribe(topic: string, handler: BusHandler): Promise<() => void>;
  /** Calls `handler` whenever payloads of other processes may have been lost: after a reconnect. */
  onReset(handler: () => void): void;
  /** Resolves when the bus works; rejects with the reason when it does not. Takes a second at most. */
  check(): Promise<void>;
  close(): Promise<void>;
}

export const chatTopic = (chatId: string) => `chat:${chatId}`;
export const CONTROL_TOPIC = 'control';
