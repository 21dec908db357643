import type { Database } from '../database.js';
import type { MineCallbacks } from './callbacks.js';
import { ChatPreferences } from './chat-preferences.js';
import { ChatStates } from './chat-states.js';
import { Inbox } from './inbox.js';
import { Markers } from './markers.js';
import { Readers } from './readers.js';

export interface MineServices {
  inbox: Inbox;
  chatStates: ChatStates;
  markers: Markers;
  chatPreferences: ChatPreferences;
  readers: Readers;
}

export interface MineOptions {
  /** How often the markers of one member in one chat are written at most, in milliseconds. Default: 1 s. */
  markerIntervalMs?: number;
  /** Messages of chats with more members have no receipts. Default: 1000. */
  receiptsLimit?: number;
}

const MARKER_INTERVAL_MS = 1000;
const RECEIPTS_LIMIT = 1000;

/** Creates the services of this room. `close` writes the markers that wait. */
export function mineServices(
  db: Database,
  callbacks: MineCallbacks,
  { markerIntervalMs = MARKER_INTERVAL_MS, receiptsLimit = RECEIPTS_LIMIT }: MineOptions,
): { mine: MineServices; close: () => Promise<void> } {
  const chatStates = new ChatStates(db);
  const markers = new Markers(db, chatStates, callbacks, { intervalMs: markerIntervalMs });
  const mine = {
    inbox: new Inbox(db),
    chatStates,
    markers,
    chatPreferences: new ChatPreferences(db, chatStates, callbacks),
    readers: new Readers(db, receiptsLimit),
  };
  return { mine, close: () => markers.drain() };
}
