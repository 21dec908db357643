import { createHash } from 'node:crypto';
import type pg from 'pg';

export interface User {
  id: string;
  username: string;
}

const FIND_USER = {
  name: 'find-user',
  text: `SELECT u.id, u.username FROM access_tokens t
    JOIN token_families f ON f.id = t.family_id JOIN users u ON u.id = f.user_id
    WHERE t.hash = $1 AND t.revoked_at IS NULL AND f.revoked_at IS NULL AND t.expires_at > now() AND u.is_active`,
};

/** How long a token is believed without asking again, in milliseconds. */
const BELIEVED_MS = 60_000;
const MAX_ENTRIES = 50_000;

/** Who a token belongs to, remembered for a minute. */
export class Tokens {
  private readonly known = new Map<string, { user: Promise<User | undefined>; until: number }>();

  constructor(private readonly pool: pg.Pool) {}

  find(token: string): Promise<User | undefined> {
    const now = performance.now();
    const entry = this.known.get(token);
    if (entry && entry.until > now) return entry.user;
    if (this.known.size >= MAX_ENTRIES) this.known.clear();
    const user = this.ask(token);
    this.known.set(token, { user, until: now + BELIEVED_MS });
    user.catch(() => this.known.delete(token));
    return user;
  }

  /** Of `Authorization: Bearer …`. */
  async findBearer(header: string | undefined): Promise<User | undefined> {
    return header?.startsWith('Bearer ') ? this.find(header.slice('Bearer '.length)) : undefined;
  }

  private async ask(token: string): Promise<User | undefined> {
    const hash = createHash('sha256').update(token).digest();
    const { rows } = await this.pool.query<User>({ ...FIND_USER, values: [hash] });
    return rows[0];
  }
}
