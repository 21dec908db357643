/** A public chat is found by everybody who is signed in, and may be joined. */
export const VISIBILITIES = ['private', 'public'] as const;
export type Visibility = (typeof VISIBILITIES)[number];
