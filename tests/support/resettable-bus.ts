import { InProcessBus } from '../../src/delivery/in-process-bus.js';

/** Says when the test wants it that payloads may have been lost, as the Redis bus does after a reconnect. */
export class ResettableBus extends InProcessBus {
  private readonly resetHandlers: (() => void)[] = [];

  override onReset(handler: () => void): void {
    this.resetHandlers.push(handler);
  }

  reset(): void {
    for (const handler of this.resetHandlers) handler();
  }
}
