/** Whether a user is there. `away`: connected, and says so themselves. */
export const PRESENCE_STATUSES = ['online', 'away', 'offline'] as const;
export type PresenceStatus = (typeof PRESENCE_STATUSES)[number];

/** What a user wants to be shown as: what is so, away, or offline. */
export const PRESENCE_CHOICES = ['automatic', 'away', 'invisible'] as const;
export type PresenceChoice = (typeof PRESENCE_CHOICES)[number];

/** What one user is shown of another. */
export interface Presence {
  readonly userId: string;
  readonly status: PresenceStatus;
  /** The minute of the user's last frame or request, ISO 8601, UTC; null for a user who never was there. */
  readonly lastActiveAt: string | null;
}

/** The most users that one may ask for at a time. */
export const MAX_PRESENCES = 100;
