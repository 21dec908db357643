export interface SweeperOptions {
  /** Time between two sweeps, in milliseconds. */
  intervalMs: number;
  onError: (error: unknown) => void;
}

/** Steps of one sweep. The next sweep deletes what is left. */
const MAX_STEPS = 200;

/** Deletes rows that are not needed any more periodically, in small steps that never overlap. */
export class Sweeper {
  private readonly timer: NodeJS.Timeout;
  private sweeping: Promise<void> | undefined;
  private isClosed = false;

  /** @param step deletes some rows; resolves to whether more may be left */
  constructor(
    private readonly step: () => Promise<boolean>,
    private readonly options: SweeperOptions,
  ) {
    this.timer = setInterval(() => {
      this.sweeping ??= this.sweep().finally(() => {
        this.sweeping = undefined;
      });
    }, options.intervalMs).unref();
  }

  /** Stops the sweeps. Resolves when the current step has ended. */
  async close(): Promise<void> {
    this.isClosed = true;
    clearInterval(this.timer);
    await this.sweeping;
  }

  private async sweep(): Promise<void> {
    try {
      for (let steps = 0; steps < MAX_STEPS && !this.isClosed; steps += 1) if (!(await this.step())) return;
    } catch (error) {
      if (!this.isClosed) this.options.onError(error);
    }
  }
}
