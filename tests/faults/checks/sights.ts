import type { EntryOf } from '../entries.js';
import type { ConnectionStory, InboxConnectionStory } from './stories.js';

/** What a listener, of a chat or of an inbox, was shown over one connection. */
export interface Sight {
  listener: string;
  connection: number;
  openedAt: number;
  sightings: Sighting[];
}

export interface Sighting {
  chat: string;
  /** When the chat came into the connection: with it, or with the user's joining. */
  since: number;
  change: EntryOf<'stream.event' | 'inbox.event'>;
}

export function sightsOf(connections: Iterable<ConnectionStory>, inboxes: Iterable<InboxConnectionStory>): Sight[] {
  return [...[...connections].map(sightOf), ...[...inboxes].map(sightOfInbox)];
}

function sightOf({ opened, items }: ConnectionStory): Sight {
  const { listener, connection, chat, at: openedAt } = opened;
  const sightings: Sighting[] = [];
  for (const item of items) if (item.type === 'stream.event') sightings.push({ chat, since: openedAt, change: item });
  return { listener, connection, openedAt, sightings };
}

function sightOfInbox({ opened, items }: InboxConnectionStory): Sight {
  const { listener, connection, user, at: openedAt } = opened;
  const joinedAt = new Map<string, number>();
  const sightings: Sighting[] = [];
  for (const item of items) {
    if (item.type !== 'inbox.event') continue;
    const { chat, kind, subject, at } = item;
    if (kind === 'member.added' && subject === user) joinedAt.set(chat, at);
    sightings.push({ chat, since: joinedAt.get(chat) ?? openedAt, change: item });
  }
  return { listener, connection, openedAt, sightings };
}
