import type { RedisClient } from './connection.js';

/** Commands, each on one key, at the server that has the key. */
export interface RedisCommands {
  /** Resolves when every server can be asked for the first time. Called once. */
  connect(): Promise<void>;
  /** Rejects at once while the key's server is away, and within 1.5 s when it hangs. */
  run<Answer>(key: string, command: (client: RedisClient) => Promise<Answer>): Promise<Answer>;
  /** Rejects when a server does not answer within so many milliseconds. */
  check(timeoutMs: number): Promise<void>;
  /** Ends the connections when the commands sent before are answered, or after so many milliseconds. */
  close(timeoutMs: number): Promise<void>;
}

/** Publish and subscribe, over one Redis or several that act as one. Delivers at most once. */
export interface RedisPubSub {
  /** Resolves when messages can be sent and received for the first time. Called once. */
  connect(): Promise<void>;
  /** Rejects at once while the channel's server is away, and within 1.5 s when it hangs. That it resolves does not mean that anybody heard. */
  publish(channel: string, message: string): Promise<unknown>;
  /** Resolves when the channels are subscribed where there are connections. The others are as soon as there are. */
  subscribe(channels: readonly string[]): Promise<void>;
  unsubscribe(channels: readonly string[]): void;
  check(timeoutMs: number): Promise<void>;
  close(timeoutMs: number): Promise<void>;
}

export interface RedisPubSubOptions {
  onMessage: (message: string, channel: string) => void;
  /** Messages may have been lost: a connection was made anew, or a channel was subscribed elsewhere. */
  onReset: () => void;
  onError: (error: Error) => void;
}
