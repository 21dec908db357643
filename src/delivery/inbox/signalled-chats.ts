/** The chats whose signals an inbox is asked for, and which of them are not heard yet. Holds one caller, however many ask. */
export class SignalledChats {
  private asked: ReadonlySet<string> = new Set();
  private readonly missing = new Set<string>();
  private answer: (() => void) | undefined;

  /** @param onHeard called when the last one is heard that was missing */
  constructor(private readonly onHeard: () => void) {}

  has(chatId: string): boolean {
    return this.asked.has(chatId);
  }

  get isHeard(): boolean {
    return this.missing.size === 0;
  }

  [Symbol.iterator](): Iterator<string> {
    return this.asked.values();
  }

  /** Asks for these in place of those before. Returns those that are not asked for any more. */
  replace(chatIds: readonly string[]): string[] {
    this.forget();
    const before = this.asked;
    this.asked = new Set(chatIds);
    return [...before].filter((chatId) => !this.asked.has(chatId));
  }

  /** The chat is one of the inbox, and its signals are to be waited for. */
  miss(chatId: string): void {
    this.missing.add(chatId);
  }

  /** The chat's signals are heard, or it has left the inbox. */
  heard(chatId: string): void {
    if (!this.missing.delete(chatId) || !this.isHeard) return;
    this.forget();
    this.onHeard();
  }

  /** Resolves when all are heard; when others are asked for, or the inbox ends, before. */
  async whenHeard(): Promise<void> {
    if (this.isHeard) return;
    await new Promise<void>((resolve) => {
      this.answer = resolve;
    });
  }

  /** Waits for none any more. */
  forget(): void {
    this.missing.clear();
    this.answer?.();
    this.answer = undefined;
  }
}
