export type BusHandler = (payload: string, topic: string) => void;

/**
 * Carries payloads between the processes of the service, at most once. It may lose, repeat and reorder them: consumers repair that
 * from the log. `publish` calls the handlers of its own process before it returns.
 */
export interface Bus {
  /** Resolves when the payload was sent to the other processes. Rejects when it could not be; callers may ignore that. */
  publish(topic: string, payload: string): Promise<void>;
  /**
   * Resolves when the handler hears the topics. Payloads of this process arrive at once; those of other processes as soon as the
   * subscription reaches them. A handler is called once for each payload, however often it was subscribed.
   */
  subscribe(topics: readonly string[], handler: BusHandler): Promise<void>;
  /** The handler hears nothing more of these topics, also when it is still being subscribed. */
  unsubscribe(topics: readonly string[], handler: BusHandler): void;
  /** Calls `handler` whenever payloads of other processes may have been lost: after a reconnect. */
  onReset(handler: () => void): void;
  /** Resolves when the bus works; rejects with the reason when it does not. Takes a second at most. */
  check(): Promise<void>;
  close(): Promise<void>;
}

export const CHAT_TOPIC_PREFIX = 'chat:';
export const chatTopic = (chatId: string) => `${CHAT_TOPIC_PREFIX}${chatId}`;
export const CONTROL_TOPIC = 'control';
