/** An active operation of a client: a query, a mutation or a subscription. */
export interface Operation {
  /** The client's id. The client may reuse it once the operation has ended. */
  readonly id: string;
  /** `id` as JSON, encoded once for all events. */
  readonly encodedId: string;
  /** The id that Mercurius gets; unique on the socket. */
  readonly key: string;
  /** Aborts when the operation ends, for any reason. */
  readonly signal: AbortSignal;
}

/**
 * The active operations of one socket. Mercurius gets unique keys in place of the client's ids, so that messages of an ended
 * operation are recognised and dropped even when the client has reused its id.
 */
export class Operations {
  private readonly byId = new Map<string, Operation>();
  private readonly byKey = new Map<string, { operation: Operation; end: AbortController }>();
  private started = 0;

  get size(): number {
    return this.byKey.size;
  }

  /** Starts an operation. The id must not belong to an active one. */
  start(id: string): Operation {
    this.started += 1;
    const end = new AbortController();
    const operation = { id, encodedId: JSON.stringify(id), key: String(this.started), signal: end.signal };
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

  /** Ends an operation. False when it had ended before. */
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
