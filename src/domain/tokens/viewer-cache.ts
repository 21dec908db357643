import type { Viewer } from '../viewer.js';
import { hashToken } from './opaque-token.js';

interface Entry {
  viewer: Viewer;
  readAt: number;
}

/**
 * How long an answer may be used again, in milliseconds. What ends a token is heard of at once, over the bus; this bounds
 * what a notice that the bus lost can do.
 */
const LIFETIME_MS = 5000;
const MAX_ENTRIES = 20_000;

/**
 * Who holds the tokens that came lately: saves a round trip to PostgreSQL at every request. Only good tokens are kept, so
 * that a flood of bad ones displaces nothing.
 */
export class ViewerCache {
  private readonly entries = new Map<string, Entry>();
  /** Grows with all that is forgotten: an answer that was read before does not count any more. */
  private generation = 0;

  constructor(private readonly read: (accessToken: string) => Promise<Viewer | undefined>) {}

  /** As `Tokens.authenticate`. */
  async authenticate(accessToken: string): Promise<Viewer | undefined> {
    const key = hashToken(accessToken).toString('base64');
    const now = Date.now();
    const known = this.entries.get(key);
    if (known && now - known.readAt < LIFETIME_MS && known.viewer.expiresAt.getTime() > now) return known.viewer;
    const { generation } = this;
    const viewer = await this.read(accessToken);
    this.entries.delete(key);
    if (viewer && generation === this.generation) this.keep(key, { viewer, readAt: now });
    return viewer;
  }

  /** These sign-ins have ended, or their access token is another. */
  forgetFamilies(familyIds: readonly string[]): void {
    const families = new Set(familyIds);
    this.forget(({ familyId }) => families.has(familyId));
  }

  /** This user's role, names or activity are others. */
  forgetUser(userId: string): void {
    this.forget(({ user }) => user?.id === userId);
  }

  private forget(isOver: (viewer: Viewer) => boolean): void {
    this.generation += 1;
    for (const [key, { viewer }] of this.entries) if (isOver(viewer)) this.entries.delete(key);
  }

  private keep(key: string, entry: Entry): void {
    // The oldest entry is the first: a Map keeps the order in which its keys came.
    const [oldest] = this.entries.keys();
    if (this.entries.size >= MAX_ENTRIES && oldest !== undefined) this.entries.delete(oldest);
    this.entries.set(key, entry);
  }
}
