import type { BusHandler } from './bus.js';

/** The bus handlers of this process, by topic. A process may have tens of thousands of topics with one handler each. */
export class LocalHandlers {
  private readonly topics = new Map<string, readonly BusHandler[]>();

  /** Returns the topics that had no handler before. */
  add(topics: readonly string[], handler: BusHandler): string[] {
    return topics.filter((topic) => {
      const handlers = this.topics.get(topic);
      if (!handlers?.includes(handler)) this.topics.set(topic, [...(handlers ?? []), handler]);
      return !handlers;
    });
  }

  /** Returns the topics that have no handler any more. */
  delete(topics: readonly string[], handler: BusHandler): string[] {
    return topics.filter((topic) => {
      const handlers = this.topics.get(topic);
      if (!handlers?.includes(handler)) return false;
      if (handlers.length === 1) return this.topics.delete(topic);
      this.topics.set(
        topic,
        handlers.filter((each) => each !== handler),
      );
      return false;
    });
  }

  call(topic: string, payload: string): void {
    for (const handler of this.topics.get(topic) ?? []) handler(payload, topic);
  }

  clear(): void {
    this.topics.clear();
  }
}
