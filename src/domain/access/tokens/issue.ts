import type { PoolClient } from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { type Database, query } from '../../database.js';
import type { UserRole } from '../../profile.js';
import type { Scope } from '../../viewer.js';
import { MAY_BEGIN } from './holder-row.js';
import { hashToken, newToken } from './opaque-token.js';

/** Lifetimes, in seconds. */
export interface TokenLifetimes {
  accessTokenSeconds: number;
  refreshTokenSeconds: number;
  /** Longest time from the sign-in to the use of any refresh token of its chain. */
  refreshTokenAbsoluteSeconds: number;
  /** Time after its first use in which a refresh token may be sent again, in case the answer was lost; 0 allows no repetition. */
  refreshGraceSeconds: number;
}

/** The tokens of one answer of the token endpoint. Only this object has them in clear; the database stores hashes. */
export interface IssuedTokens {
  accessToken: string;
  /** Seconds until the access token ends. */
  expiresIn: number;
  refreshToken: string | undefined;
  scopes: readonly Scope[];
}

export interface NewFamily {
  clientId: string;
  /** Null for `client_credentials`. */
  userId: string | null;
  scopes: readonly Scope[];
  withRefreshToken: boolean;
  /** The version of the password that was verified; undefined for a sign-in without a password. */
  passwordVersion?: number | undefined;
  /** The chats that the tokens are narrowed to; undefined when they are not. */
  chatIds?: readonly string[] | undefined;
  /** The role that the user has to have; undefined for any. */
  role?: UserRole | undefined;
  /** The `client_id` of the application that issues the tokens for the user; undefined for a sign-in. */
  issuedBy?: string | undefined;
  /** The trusted issuer's token that is exchanged; undefined for what is none. */
  exchanged?: { issuer: string; issuedAt: Date } | undefined;
  /** The act of the audit log, as of `auditEntries`, when this is one. */
  audit?: string | undefined;
}

// The locks make a concurrent deactivation, removal or password change wait, so that it ends this family too. The issuer is locked here and
// not by its foreign key, which is checked when the statement ends: then the audit log's head is locked, behind which nothing may be.
const ISSUE = {
  name: 'token-family-issue',
  text: `WITH client AS (SELECT id FROM oauth_clients WHERE id = $2 FOR KEY SHARE),
      issuer AS (SELECT id FROM oauth_clients WHERE id = $12::text FOR KEY SHARE),
      holder AS (
        SELECT id FROM users WHERE id = $3 AND is_active AND ($9::int IS NULL OR password_version = $9)
          AND ($11::user_role IS NULL OR role = $11)
          AND ($14::timestamptz IS NULL OR ${MAY_BEGIN('$14::timestamptz')}) FOR SHARE),
      family AS (
        INSERT INTO token_families (id, client_id, user_id, chat_ids, issued_by, exchanged_from)
        SELECT $1, client.id, $3, $10::uuid[], $12::text, $13::text FROM client
        WHERE ($3::uuid IS NULL OR EXISTS (SELECT 1 FROM holder)) AND ($12::text IS NULL OR EXISTS (SELECT 1 FROM issuer))
        RETURNING id),
      access AS (
        INSERT INTO access_tokens (hash, family_id, scopes, expires_at)
        SELECT $4, family.id, $5, now() + make_interval(secs => $6) FROM family RETURNING expires_at),
      refresh AS (
        INSERT INTO refresh_tokens (hash, family_id, scopes, expires_at)
        SELECT $7, family.id, $5, now() + make_interval(secs => $8) FROM family WHERE $7::bytea IS NOT NULL)
    SELECT family.id, access.expires_at FROM family, access`,
};
/** The same with one value more: what is written to the audit log when a family was made. */
const ISSUE_AUDITED = {
  name: 'token-family-issue-audited',
  text: ISSUE.text.replace(/(?= FROM family, access$)/, ', write_audit_entries($15::jsonb)'),
};

/** Starts a family. Undefined when there is no such client or user, or the user is inactive, has changed their password, has another role or was signed out. */
export async function issueFamily(
  db: Database,
  lifetimes: TokenLifetimes,
  family: NewFamily,
): Promise<(IssuedTokens & { expiresAt: Date }) | undefined> {
  const { values, tokens } = prepare(lifetimes, family);
  const [row] = await (family.audit === undefined
    ? query<{ expires_at: Date }>(db, ISSUE, values)
    : query<{ expires_at: Date }>(db, ISSUE_AUDITED, [...values, family.audit]));
  return row && { ...tokens, expiresAt: row.expires_at };
}

/** As `issueFamily`, inside a transaction, which stays usable when the result is undefined. */
export async function issueFamilyWithin(
  connection: PoolClient,
  lifetimes: TokenLifetimes,
  family: NewFamily,
): Promise<(IssuedTokens & { familyId: string }) | undefined> {
  const { values, tokens } = prepare(lifetimes, family);
  const { rows } = await connection.query<{ id: string }>(ISSUE.text, values);
  const [row] = rows;
  return row && { ...tokens, familyId: row.id };
}

function prepare(lifetimes: TokenLifetimes, family: NewFamily): { values: unknown[]; tokens: IssuedTokens } {
  const accessToken = newToken('access');
  const refreshToken = family.withRefreshToken ? newToken('refresh') : undefined;
  const values = [
    uuidv7(),
    family.clientId,
    family.userId,
    hashToken(accessToken),
    family.scopes,
    lifetimes.accessTokenSeconds,
    refreshToken === undefined ? null : hashToken(refreshToken),
    Math.min(lifetimes.refreshTokenSeconds, lifetimes.refreshTokenAbsoluteSeconds),
    family.passwordVersion ?? null,
    family.chatIds ?? null,
    family.role ?? null,
    family.issuedBy ?? null,
    family.exchanged?.issuer ?? null,
    family.exchanged?.issuedAt ?? null,
  ];
  const { scopes } = family;
  return { values, tokens: { accessToken, expiresIn: lifetimes.accessTokenSeconds, refreshToken, scopes } };
}

/**
 * Families that are kept per user and client, and per client that acts for itself, valid or not. Enough for a backend that signs one
 * user in for every worker and restart; a bound for one that does it for every request.
 */
const MAX_FAMILIES = 1000;

// A family that a clock running ahead has created counts as the oldest; otherwise the newest family would be older than it.
// SKIP LOCKED: the next sign-in deletes families that another transaction has locked.
const trim = (name: string, holder: string) => ({
  name,
  text: `WITH older AS (
      SELECT id FROM token_families WHERE ${holder} ORDER BY created_at > now()::timestamptz(3), created_at DESC OFFSET ${MAX_FAMILIES})
    DELETE FROM token_families WHERE id IN (
      SELECT id FROM token_families WHERE id IN (SELECT id FROM older) ORDER BY id FOR UPDATE SKIP LOCKED)
    RETURNING id`,
});
const TRIM_OF_USER = trim('token-families-trim-user', 'user_id = $2 AND client_id = $1');
const TRIM_OF_CLIENT = trim('token-families-trim-client', 'user_id IS NULL AND client_id = $1');
// Revoked ones stay until their tokens have expired: a token of an issuer that is not known here any more would be used for the first time.
const TRIM_OF_ISSUERS = trim(
  'token-families-trim-issuers',
  'user_id = $1 AND client_id IS NULL AND revoked_at IS NULL',
);

/** Deletes the oldest families beyond the limit of 1000, and returns their ids. */
export async function trimFamilies(db: Database, clientId: string, userId: string | null): Promise<string[]> {
  const rows = await (userId === null
    ? query<{ id: string }>(db, TRIM_OF_CLIENT, [clientId])
    : query<{ id: string }>(db, TRIM_OF_USER, [clientId, userId]));
  return rows.map(({ id }) => id);
}

/** The same for a user's families of tokens of trusted issuers. */
export async function trimFamiliesOfIssuers(db: Database, userId: string): Promise<string[]> {
  const rows = await query<{ id: string }>(db, TRIM_OF_ISSUERS, [userId]);
  return rows.map(({ id }) => id);
}
