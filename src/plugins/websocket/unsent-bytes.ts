/** Unsent bytes summed over the sockets of one user, or of the process, against a budget. */
export class UnsentBytes {
  private bytes = 0;

  /** @param budget bytes above which the outboxes of its sockets are smaller */
  constructor(private readonly budget: number) {}

  get total(): number {
    return this.bytes;
  }

  add(bytes: number): void {
    this.bytes += bytes;
  }

  get isExceeded(): boolean {
    return this.bytes > this.budget;
  }
}
