import type { EventEmitter } from 'node:events';
import type { Tally } from '../../domain/counts.js';
import { DomainError } from '../../domain/errors.js';
import type { Budget } from '../limits/exhausted-budgets.js';
import { Quota } from '../limits/quota.js';
import { FrameRate, type FrameRateLimit } from './frame-rate.js';
import { UnsentBytes } from './unsent-bytes.js';

const RETRY_AFTER_MS = 1000;

/** A socket of node:net, which knows whether it is destroyed, or an open WebSocket. */
interface Connection extends EventEmitter {
  readonly destroyed?: boolean;
}

/** Limits that all sockets of one user share. */
export interface SocketsOfUser {
  readonly rate: FrameRate;
  readonly unsent: UnsentBytes;
}

/** Unsent bytes of one user's sockets above which each socket's outbox is smaller. */
const UNSENT_BYTES_PER_USER = 32 * 1024 * 1024;

/** Per user and process, over all endpoints: the number of sockets and event streams, and one frame rate and one unsent byte budget for all of them. */
export class UserSockets {
  private readonly quota: Quota;
  private readonly users = new Map<string, SocketsOfUser & { sockets: number }>();

  constructor(
    maxSockets: number,
    private readonly frameRate: FrameRateLimit,
    private readonly budgets: Tally<Budget>,
  ) {
    this.quota = new Quota(maxSockets);
  }

  /** Counts a socket until `connection` closes; does nothing if it is closed. @throws DomainError `RATE_LIMITED` at the limit. */
  claim(holder: string, connection: Connection): void {
    // The connection closed while the token was checked; it emits no further `close`.
    if (connection.destroyed) return;
    if (!this.quota.take(holder)) {
      this.budgets.add('sockets_per_user');
      throw tooManySockets();
    }
    const entry = this.users.get(holder) ?? {
      rate: new FrameRate(this.frameRate),
      unsent: new UnsentBytes(UNSENT_BYTES_PER_USER),
      sockets: 0,
    };
    entry.sockets += 1;
    this.users.set(holder, entry);
    connection.once('close', () => {
      this.quota.release(holder);
      entry.sockets -= 1;
      if (entry.sockets === 0) this.users.delete(holder);
    });
  }

  /** Undefined when the user has no counted socket. */
  of(holder: string): SocketsOfUser | undefined {
    return this.users.get(holder);
  }
}

export function tooManySockets(): DomainError {
  return new DomainError('RATE_LIMITED', 'Too many WebSockets and event streams are open.', {
    retryAfterMs: RETRY_AFTER_MS,
  });
}
