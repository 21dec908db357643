import type { Bus, BusHandler } from './bus.js';
import { LocalHandlers } from './local-handlers.js';

/** The bus of a service with one process. It loses nothing and always works. */
export class InProcessBus implements Bus {
  private readonly handlers = new LocalHandlers();

  async publish(topic: string, payload: string): Promise<void> {
    this.handlers.call(topic, payload);
  }

  async subscribe(topics: readonly string[], handler: BusHandler): Promise<void> {
    this.handlers.add(topics, handler);
  }

  unsubscribe(topics: readonly string[], handler: BusHandler): void {
    this.handlers.delete(topics, handler);
  }

  onReset(_handler: () => void): void {}

  async check(): Promise<void> {}

  async close(): Promise<void> {
    this.handlers.clear();
  }
}
