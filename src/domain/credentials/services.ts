import { type AttemptLimits, type AttemptStore, Attempts } from './attempts.js';
import { MemoryAttemptStore } from './memory-attempt-store.js';
import { PasswordHasher } from './passwords.js';

/** For other rooms of the domain. Edges neither hash passwords nor count attempts. */
export interface CredentialServices {
  hasher: PasswordHasher;
  attempts: Attempts;
}

export interface CredentialOptions {
  attemptLimits: AttemptLimits;
  /** Where failed attempts are counted; in this process by default. */
  attemptStore?: AttemptStore;
}

export function credentialServices({ attemptLimits, attemptStore }: CredentialOptions): CredentialServices {
  return {
    hasher: new PasswordHasher(),
    attempts: new Attempts(attemptStore ?? new MemoryAttemptStore(), attemptLimits),
  };
}
