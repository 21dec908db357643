import type { UserProfile } from '../../src/domain/profile.js';
import type { StreamClient } from './frame-queue.js';
import type { RealtimeApp } from './realtime-app.js';

interface OpenOptions {
  query?: Record<string, string>;
}

/** How a chat is listened to. What a client hears is the same on each. */
export interface Transport {
  open(chatName: string, token: string | null, options?: OpenOptions): Promise<StreamClient>;
  /** Past `hello` and `live`. */
  join(chatName: string, user: UserProfile): Promise<StreamClient>;
}

/** For `describe.each`: the transports by their names. */
export const TRANSPORTS: [name: string, of: (app: RealtimeApp) => Transport][] = [
  ['the raw channel', ({ open, join }) => ({ open, join })],
  ['an event stream', ({ openEvents, joinEvents }) => ({ open: openEvents, join: joinEvents })],
];
