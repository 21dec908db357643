import type { Scope } from '../../viewer.js';

/** Allowed difference between an issuer's clock and ours, in seconds. A token works for so long after its `exp`. */
export const LEEWAY_SECONDS = 30;

/** An identity provider whose access tokens are taken as bearer tokens (`TRUSTED_ISSUERS`). */
export interface TrustedIssuer {
  /** The `iss` of its tokens. */
  readonly issuer: string;
  /** A token must be for one of these (`aud`). */
  readonly audiences: readonly string[];
  /** Where its keys are. Undefined: where its metadata says, on its own origin. */
  readonly keysUrl?: string | undefined;
  /** The claim and the value of admins. Undefined: the issuer says nothing of roles. */
  readonly admin?: { readonly claim: string; readonly value: string } | undefined;
  /** The claim with the username of a new user. */
  readonly nameClaim: string;
  /** The claim with the `externalId` of its users. Undefined: users are found by issuer and subject. */
  readonly idClaim?: string | undefined;
  /** Whether a user who is unknown is made. */
  readonly createsUsers: boolean;
  /** Whether each new token brings the user's names up to date. */
  readonly syncsNames: boolean;
  /** The scopes of a token that has none of ours. */
  readonly defaultScopes: readonly Scope[];
}

/** Why a token that may be a trusted issuer's was refused. For the log: the client is told the same of all. */
export interface TokenRefusal {
  /** The token's `iss`, shortened. */
  issuer: string;
  reason: string;
}

/** A token of a trusted issuer that passed every check. */
export interface VerifiedToken {
  readonly issuer: TrustedIssuer;
  readonly claims: Readonly<Record<string, unknown>>;
  readonly subject: string;
  readonly issuedAt: Date;
  /** Its `exp`, without leeway. */
  readonly expiresAt: Date;
}
