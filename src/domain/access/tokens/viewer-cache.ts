import { Multimap } from '../../multimap.js';
import type { Viewer } from '../../viewer.js';
import { hashToken } from './opaque-token.js';

interface Entry {
  viewer: Viewer;
  readAt: number;
}

/** How long an entry is valid, in milliseconds. The bus announces revocations at once; this is the bound when a notice is lost. */
const LIFETIME_MS = 5000;
const MAX_ENTRIES = 20_000;

/**
 * Caches the viewers of recently used access tokens, which saves a round trip to PostgreSQL per request. Invalid tokens are not
 * cached, so a flood of them displaces nothing.
 */
export class ViewerCache {
  private readonly entries = new Map<string, Entry>();
  /** The keys in `entries` of each family and user. */
  private readonly byFamily = new Multimap<string>();
  private readonly byUser = new Multimap<string>();
  /** Increased by every invalidation. A viewer that was read under an older generation is not cached. */
  private generation = 0;

  constructor(private readonly read: (accessToken: string) => Promise<Viewer | undefined>) {}

  /** As `Tokens.authenticate`, from the cache when possible. */
  async authenticate(accessToken: string): Promise<Viewer | undefined> {
    const key = hashToken(accessToken).toString('base64');
    const now = performance.now();
    const known = this.entries.get(key);
    if (known && now - known.readAt < LIFETIME_MS && known.viewer.endsAt > now) return known.viewer;
    const { generation } = this;
    const viewer = await this.read(accessToken);
    this.drop(key);
    if (viewer && generation === this.generation) this.keep(key, { viewer, readAt: now });
    return viewer;
  }

  /** Invalidates families that were revoked or whose access token was rotated. */
  forgetFamilies(familyIds: readonly string[]): void {
    this.generation += 1;
    for (const familyId of familyIds) for (const key of this.byFamily.get(familyId)) this.drop(key);
  }

  /** Invalidates a user whose role, names or activity changed. */
  forgetUser(userId: string): void {
    this.generation += 1;
    for (const key of this.byUser.get(userId)) this.drop(key);
  }

  private keep(key: string, entry: Entry): void {
    // A Map keeps the order in which its keys were added: the first entry is the oldest.
    const [oldest] = this.entries.keys();
    if (this.entries.size >= MAX_ENTRIES && oldest !== undefined) this.drop(oldest);
    const { familyId, user } = entry.viewer;
    this.entries.set(key, entry);
    this.byFamily.add(familyId, key);
    if (user) this.byUser.add(user.id, key);
  }

  private drop(key: string): void {
    const entry = this.entries.get(key);
    if (!entry) return;
    const { familyId, user } = entry.viewer;
    this.entries.delete(key);
    this.byFamily.delete(familyId, key);
    if (user) this.byUser.delete(user.id, key);
  }
}
