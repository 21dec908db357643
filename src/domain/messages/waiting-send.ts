import { clientError, isLockTimeout } from '../database.js';
import type { AppendedRow, PendingMessage } from './append.js';

/** Estimated memory of a send without its texts, in bytes. */
const SEND_BYTES = 1000;

/** A send whose caller waits for the result. */
export class WaitingSend {
  /** Estimated memory in this process, in bytes. */
  readonly bytes: number;
  /** Milliseconds of the monotonic clock. */
  readonly arrivedAt = performance.now();
  isSettled = false;

  constructor(
    readonly message: PendingMessage,
    private readonly onResolve: (row: AppendedRow) => void,
    private readonly onReject: (error: unknown) => void,
  ) {
    this.bytes = SEND_BYTES + 2 * (message.content.length + (message.extras?.length ?? 0));
  }

  /** Gives the caller the result. Does nothing when the send is settled. */
  resolve(row: AppendedRow): void {
    if (this.isSettled) return;
    this.isSettled = true;
    this.onResolve(row);
  }

  /** Gives the caller the error, as `clientError` where that knows it. Does nothing when the send is settled. */
  reject(error: unknown): void {
    if (this.isSettled) return;
    this.isSettled = true;
    this.onReject(clientError(error) ?? error);
  }
}

/**
 * Writes sends, and settles each that it could write. Returns the others: the chat's row, or the sender's, is locked. Those of one
 * chat keep their order.
 */
export type WriteBatch = (sends: readonly WaitingSend[], lockWaitMs: number) => Promise<WaitingSend[]>;

/**
 * Classes of SQLSTATEs (PostgreSQL, Appendix A) that any other statement would meet too: connection, resources, cancelled
 * statements, files.
 */
const SERVER_ERRORS = /^(08|25|28|3D|53|57|58|XX)/;

/** What a database error means for the messages of the statement that failed. */
export type BatchFailure = 'lock-timeout' | 'one-message' | 'whole-batch';

/**
 * `lock-timeout` and `one-message` (one of the messages is at fault) are errors after which nothing was written, so the messages
 * may be written again. `whole-batch` includes every error after which it is unknown whether they were written.
 */
export function classifyFailure(error: unknown): BatchFailure {
  if (!(error instanceof Error) || !('severity' in error) || !('code' in error)) return 'whole-batch';
  if (isLockTimeout(error)) return 'lock-timeout';
  const { code } = error;
  const isSqlState = typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code);
  return isSqlState && !SERVER_ERRORS.test(code) ? 'one-message' : 'whole-batch';
}

/** Returns the sends, which may be written again. After a `whole-batch` failure rejects them and returns none. */
export function rejectUnlessRetryable(sends: readonly WaitingSend[], error: unknown): readonly WaitingSend[] {
  if (classifyFailure(error) !== 'whole-batch') return sends;
  for (const send of sends) send.reject(error);
  return [];
}
