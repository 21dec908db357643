/** One operation that a client started and that has not ended: a query, a mutation or a subscription. */
export interface Operation {
  /** The id that the client chose; free to be used again once the operation has ended. */
  readonly id: string;
  /** The id under which the engine knows it; never used twice on one socket. */
  readonly key: string;
  /** Aborts when the operation ends, whoever ended it. */
  readonly signal: AbortSignal;
}

/**
 * The active operations of one socket. The engine gets keys of ours in place of the client's ids: what it still sends for an
 * operation that is over is recognised and dropped, also when the client has used the id again.
 */
export class Operations {
  private readonly byId = new Map<string, Operation>();
  private readonly byKey = new Map<string, { operation: Operation; end: AbortController }>();
  private started = 0;

  get size(): number {
    return this.byKey.size;
  }

  /** Starts an operation whose id no active one has. */
  start(id: string): Operation {
    this.started += 1;
    const end = new AbortController();
    const operation = { id, key: String(this.started), signal: end.signal };
    this.byId.set(id, operation);
    this.byKey.set(operation.key, { operation, end });
    return operation;
  }

  withId(id: string): Operation | undefined {
    return this.byId.get(id);
  }

  withKey(key: string): Operation | undefined {
    return this.byKey.get(key)?.operation;
  }

  /** False when it had ended before. */
  end({ id, key }: Operation): boolean {
    const active = this.byKey.get(key);
    if (!active) return false;
    this.byKey.delete(key);
    this.byId.delete(id);
    active.end.abort();
    return true;
  }

  endAll(): void {
    for (const { operation } of [...this.byKey.values()]) this.end(operation);
  }
}
