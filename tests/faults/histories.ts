import { require } from './clients/graphql-api.js';
import { changeOf, EVENT_FIELDS, type GraphqlEvent } from './clients/graphql-events.js';
import type { Change } from './entries.js';
import type { Chat, User } from './world.js';

interface Page {
  chatEvents: { events: GraphqlEvent[]; cursor: string; hasMore: boolean };
}

const PAGE = `query ($chat: ID!, $after: String!) {
  chatEvents(chatId: $chat, after: $after, limit: 100) { cursor hasMore events { ${EVENT_FIELDS} } }
}`;

/** A chat's whole history, read page by page by the query `chatEvents`. */
export async function readHistory(origin: string, { token }: User, chat: Chat): Promise<Change[]> {
  const changes: Change[] = [];
  let after = chat.beginning;
  for (let hasMore = true; hasMore; ) {
    const { chatEvents } = await require<Page>(origin, token, PAGE, { chat: chat.id, after });
    changes.push(...chatEvents.events.map(changeOf));
    after = chatEvents.cursor;
    hasMore = chatEvents.hasMore;
  }
  return changes;
}
