import { clientError } from '../../domain/database.js';

/** The delay before a check that the database could not answer is repeated, in milliseconds. */
const RETRY_MS = 1000;

/**
 * Repeats an access check on request. Checks run one at a time; requests made during a check lead to one more. A check that fails
 * because the database is away is repeated; any other error is the answer, and goes to `onRefusal`.
 */
export class Recheck {
  private isChecking = false;
  private isDue = false;
  private isStopped = false;
  private retryTimer: NodeJS.Timeout | undefined;

  /** @param check throws when access is not allowed any more */
  constructor(
    private readonly check: () => Promise<unknown>,
    private readonly onRefusal: (error: unknown) => void,
  ) {}

  request(): void {
    this.isDue = true;
    if (this.isChecking || this.isStopped) return;
    this.isChecking = true;
    void this.checkWhileDue();
  }

  stop(): void {
    this.isStopped = true;
    clearTimeout(this.retryTimer);
  }

  private async checkWhileDue(): Promise<void> {
    try {
      while (this.isDue && !this.isStopped) {
        this.isDue = false;
        await this.check();
      }
    } catch (error) {
      if (clientError(error)?.code !== 'SERVICE_UNAVAILABLE') this.onRefusal(error);
      else if (!this.isStopped) this.retryTimer = setTimeout(() => this.request(), RETRY_MS).unref();
    } finally {
      this.isChecking = false;
    }
  }
}
