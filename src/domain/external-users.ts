import { v7 as uuidv7 } from 'uuid';
import { type Database, query } from './database.js';
import { transaction } from './transaction.js';

/** Who somebody is at an external provider, as the provider says. */
export interface ExternalIdentity {
  issuer: string;
  /** The provider's own name for the user, which never changes. */
  subject: string;
  /** Names to call a new user by, best first. */
  usernames: readonly (string | undefined)[];
  email?: string | undefined;
  firstName?: string | undefined;
  lastName?: string | undefined;
}

const FIND = {
  name: 'external-identity-find',
  text: 'SELECT user_id FROM external_identities WHERE issuer = $1 AND subject = $2',
};

/** Characters; leaves room for a number within the 150 of a username. */
const MAX_STEM = 140;

/** Users who sign in through an external provider. */
export class ExternalUsers {
  constructor(private readonly db: Database) {}

  /**
   * The id of the user with this identity, who is created at the first sign-in: without a password, with the role user. An
   * existing account is never taken over, whatever names and e-mail addresses the two have in common.
   */
  async findOrCreate(identity: ExternalIdentity): Promise<string> {
    return (await this.find(identity)) ?? (await this.create(identity)) ?? (await this.require(identity));
  }

  private async find({ issuer, subject }: ExternalIdentity): Promise<string | undefined> {
    const [row] = await query<{ user_id: string }>(this.db, FIND, [issuer, subject]);
    return row?.user_id;
  }

  private async require(identity: ExternalIdentity): Promise<string> {
    const id = await this.find(identity);
    if (id === undefined) throw new Error('The external identity is neither there nor new.');
    return id;
  }

  /** Undefined when the same identity was created meanwhile. */
  private create(identity: ExternalIdentity): Promise<string | undefined> {
    const stem = usernameFrom(identity.usernames);
    return transaction(this.db, async (connection) => {
      // One at a time: of two with the same names the second gets the next number, and of two of one person nothing is left.
      await connection.query(`SELECT pg_advisory_xact_lock(hashtextextended('external users', 0))`);
      const known = await connection.query(FIND.text, [identity.issuer, identity.subject]);
      if (known.rows.length > 0) return undefined;
      const id = uuidv7();
      for (let number = 1; ; number += 1) {
        const username = number === 1 ? stem : `${stem}${number}`;
        const { rowCount } = await connection.query(
          `INSERT INTO users (id, username, email, first_name, last_name)
           SELECT $1::uuid, $2::text, $3, $4, $5 WHERE NOT EXISTS (SELECT 1 FROM users WHERE lower(username) = lower($2::text))
           ON CONFLICT (username) DO NOTHING`,
          [id, username, emailFrom(identity.email), nameFrom(identity.firstName), nameFrom(identity.lastName)],
        );
        if (rowCount === 1) break;
      }
      await connection.query('INSERT INTO external_identities (issuer, subject, user_id) VALUES ($1, $2, $3)', [
        identity.issuer,
        identity.subject,
        id,
      ]);
      return id;
    });
  }
}

/** What of a name our rule for usernames lets stand (`Users.create`). */
function usernameFrom(names: readonly (string | undefined)[]): string {
  for (const name of names) {
    const username = [...(name ?? '').normalize('NFC').replace(/[^\p{L}\p{M}\p{N}@.+\-_]/gu, '')].slice(0, MAX_STEM);
    if (username.length > 0) return username.join('');
  }
  return 'user';
}

function emailFrom(email: string | undefined): string | null {
  return email !== undefined && email.length <= 254 && /^[^\s@\0]+@[^\s@\0]+$/.test(email) && email.isWellFormed()
    ? email
    : null;
}

function nameFrom(name: string | undefined): string {
  return [...(name ?? '').toWellFormed().replaceAll('\0', '')].slice(0, 150).join('');
}
