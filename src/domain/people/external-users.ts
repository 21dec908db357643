import { randomInt } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { type Database, query } from '../database.js';
import { isUnmistakable, usernameKey } from '../names.js';
import { normalized } from '../text.js';
import { transaction } from '../transaction.js';
import { unnamed } from './unnamed.js';

/** A user's names as a provider gives them; undefined where it gives none. */
export interface ProviderNames {
  firstName?: string | undefined;
  lastName?: string | undefined;
}

/** A user at an external identity provider, as the provider describes them. */
export interface ExternalIdentity extends ProviderNames {
  issuer: string;
  /** The provider's id of the user, which never changes. */
  subject: string;
  /** The user's id in the product that this service is part of. It finds the user in place of issuer and subject, if it is given. */
  externalId?: string | undefined;
  /** Candidates for the username of a new user, best first. */
  usernames: readonly (string | undefined)[];
  email?: string | undefined;
}

const FIND = {
  name: 'external-identity-find',
  text: 'SELECT user_id FROM external_identities WHERE issuer = $1 AND subject = $2',
};

const FIND_BY_ID = {
  name: 'external-id-find',
  text: 'SELECT id AS user_id FROM users WHERE external_id = $1',
};

/** Characters. Leaves room for a suffix within the 150 characters of a username. */
const MAX_STEM = 140;

/** A taken username gets the suffix -2, then -3. After that the suffix is random: a provider may have thousands of one name. */
const LAST_NUMBER = 3;
/** The smallest random suffix. All have six digits. */
const RANDOM_FROM = 100_000;

/** UTF-16 units of a provider's name that are read. The usable name is shorter in any case. */
const MAX_PROVIDER_NAME = 1000;

/** Users who sign in through an external provider. */
export class ExternalUsers {
  constructor(private readonly db: Database) {}

  /**
   * Returns the id of the user with this identity. Creates the user at the first sign-in, without a password and with the role
   * `user`. Never links an existing account, even one with the same username or email.
   */
  async findOrCreate(identity: ExternalIdentity): Promise<string> {
    return (await this.find(identity)) ?? (await this.create(identity)) ?? (await this.require(identity));
  }

  /** The id of the user with this identity; undefined when there is none. */
  async find(identity: Pick<ExternalIdentity, 'issuer' | 'subject' | 'externalId'>): Promise<string | undefined> {
    const { statement, values } = finding(identity);
    const [row] = await query<{ user_id: string }>(this.db, statement, values);
    return row?.user_id;
  }

  private async require(identity: ExternalIdentity): Promise<string> {
    const id = await this.find(identity);
    if (id === undefined) throw new Error('The external identity is neither there nor new.');
    return id;
  }

  /** Undefined when another sign-in has created the identity meanwhile. */
  private create(identity: ExternalIdentity): Promise<string | undefined> {
    const stem = usernameFrom(identity.usernames);
    const { firstName, lastName } = namesFrom(identity);
    return transaction(this.db, async (connection) => {
      // One creation at a time: two users with the same name get different suffixes, and one identity gets one user.
      await connection.query(`SELECT pg_advisory_xact_lock(hashtextextended('external users', 0))`);
      const { statement, values } = finding(identity);
      const id = uuidv7();
      for (let number = 1; ; number += 1) {
        // Somebody else may also have used the external id, which is then what is taken.
        if ((await connection.query(statement.text, values)).rows.length > 0) return undefined;
        const username = stem + suffix(number);
        const { rowCount } = await connection.query(
          `INSERT INTO users (id, username, email, first_name, last_name, username_key, external_id)
           VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
          [
            id,
            username,
            emailFrom(identity.email),
            firstName ?? '',
            lastName ?? '',
            usernameKey(username),
            identity.externalId ?? null,
          ],
        );
        if (rowCount === 1) break;
      }
      // The identity of a user with an external id may be another user's still: the token that names both moves it.
      if (identity.externalId === undefined)
        await connection.query('INSERT INTO external_identities (issuer, subject, user_id) VALUES ($1, $2, $3)', [
          identity.issuer,
          identity.subject,
          id,
        ]);
      return id;
    });
  }
}

/** What finds the user. */
function finding({ issuer, subject, externalId }: Pick<ExternalIdentity, 'issuer' | 'subject' | 'externalId'>) {
  return externalId === undefined
    ? { statement: FIND, values: [issuer, subject] }
    : { statement: FIND_BY_ID, values: [externalId] };
}

/** The suffix of the n-th username that is tried, counted from 1. */
function suffix(n: number): string {
  if (n === 1) return '';
  return `-${n <= LAST_NUMBER ? n : randomInt(RANDOM_FROM, 10 * RANDOM_FROM)}`;
}

/** The first name that is a valid username (`checkUsername`) after its forbidden characters are removed; `unnamed` when none is. */
function usernameFrom(names: readonly (string | undefined)[]): string {
  for (const name of names) {
    const username = [
      ...normalized((name ?? '').slice(0, MAX_PROVIDER_NAME), 'NFC').replace(
        /[^\p{L}\p{M}\p{N}@.+\-_]|\p{Default_Ignorable_Code_Point}/gu,
        '',
      ),
    ].slice(0, MAX_STEM);
    if (username.length > 0 && isUnmistakable(username.join(''))) return username.join('');
  }
  return unnamed();
}

function emailFrom(email: string | undefined): string | null {
  return email !== undefined && email.length <= 254 && /^[^\s@\0]+@[^\s@\0]+$/.test(email) && email.isWellFormed()
    ? email
    : null;
}

/** The names in the form in which users have them. */
export function namesFrom({ firstName, lastName }: ProviderNames): ProviderNames {
  return {
    firstName: firstName === undefined ? undefined : nameFrom(firstName),
    lastName: lastName === undefined ? undefined : nameFrom(lastName),
  };
}

function nameFrom(name: string): string {
  return [...normalized(name.slice(0, MAX_PROVIDER_NAME).toWellFormed().replaceAll('\0', ''), 'NFC')]
    .slice(0, 150)
    .join('');
}
