import type { BusHandler } from './bus.js';

/** The bus handlers of this process, by topic. */
export class LocalHandlers {
  private readonly topics = new Map<string, Set<BusHandler>>();

  /** Returns whether this is the topic's first handler. */
  add(topic: string, handler: BusHandler): boolean {
    const handlers = this.topics.get(topic);
    if (!handlers) this.topics.set(topic, new Set([handler]));
    else handlers.add(handler);
    return !handlers;
  }

  /** Returns whether this was the topic's last handler. */
  delete(topic: string, handler: BusHandler): boolean {
    const handlers = this.topics.get(topic);
    if (!handlers?.delete(handler) || handlers.size > 0) return false;
    return this.topics.delete(topic);
  }

  call(topic: string, payload: string): void {
    for (const handler of this.topics.get(topic) ?? []) handler(payload);
  }

  clear(): void {
    this.topics.clear();
  }
}
