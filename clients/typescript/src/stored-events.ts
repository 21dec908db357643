import { pause } from './backoff.js';
import type { ClientContext } from './context.js';
import { MEMBER, MESSAGE, REACTION, SETTINGS, USER } from './documents.js';
import { type ChatEvent, type ChatSettings, type EventHead, isMessageEvent, type Member } from './events.js';
import type { EventSource } from './follower.js';
import { type GraphqlMessage, type Message, messageFromGraphql, type UserRef } from './messages.js';
import { persist } from './retry.js';
import type { RemovalCause } from './schema.js';

const EVENTS_PER_PAGE = 100;
/** Before the service is asked once more for what it did not have. Milliseconds. */
const PAUSE_MS = 1000;

const CHANGED = ['Created', 'Edited', 'Deleted', 'Pinned', 'Unpinned'].map(
  (what) => `...on Message${what}{message{...Message}}`,
);

export const EVENTS = `query($chatId:ID!,$after:String!,$limit:Int!){chatEvents(chatId:$chatId,after:$after,limit:$limit){cursor hasMore
events{__typename seq cursor at actor${USER} ${CHANGED.join('')}...on ReactionsChanged{reacted:message{id seq reactions${REACTION}}}
...on MemberAdded{member{...Member}}...on MemberUpdated{member{...Member}}...on MemberRemoved{user${USER} cause until}...on ChatUpdated{chat{${SETTINGS}} changed}}}}
${MESSAGE}${MEMBER}`;

interface GraphqlEvent extends Omit<EventHead, 'chatId'> {
  __typename: string;
  message?: GraphqlMessage;
  reacted?: Pick<Message, 'id' | 'seq' | 'reactions'>;
  member?: Member;
  user?: UserRef;
  chat?: ChatSettings;
  changed?: string[];
  cause?: RemovalCause;
  until?: string | null;
}

/** The events of chats that the service has stored. */
export function storedEvents({ api, request, patience }: ClientContext): EventSource {
  return {
    async events(chatId, after) {
      const read = () =>
        request<{ chatEvents: { cursor: string; hasMore: boolean; events: GraphqlEvent[] } }>(EVENTS, {
          ...{ chatId, after, limit: EVENTS_PER_PAGE },
        });
      const { chatEvents } = await persist(read, patience);
      return { ...chatEvents, events: chatEvents.events.map((event) => eventFromGraphql(chatId, event)) };
    },
    cursor: async (chatId) => (await persist(() => api.room(chatId, {}), patience)).cursor,
    pause: () => pause(PAUSE_MS, patience.life.onEnd),
  };
}

function eventFromGraphql(chatId: string, event: GraphqlEvent): ChatEvent {
  const {
    __typename: name,
    seq,
    cursor,
    at,
    actor,
    message,
    reacted,
    member,
    user,
    chat,
    changed,
    cause,
    until,
  } = event;
  const head: EventHead = { chatId, seq, cursor, at, actor };
  const type = name.replace(/\B[A-Z]/, '.$&').toLowerCase();
  if (message && isMessageEvent(type)) return { ...head, type, message: messageFromGraphql(message) };
  if (reacted) {
    const { id: messageId, seq: messageSeq, reactions } = reacted;
    return { ...head, type: 'message.reactions', messageId, messageSeq, reactions };
  }
  if (member) return { ...head, type: name === 'MemberAdded' ? 'member.added' : 'member.updated', member };
  if (user && cause) return { ...head, type: 'member.removed', user, cause, ...(until && { until }) };
  if (chat && changed) return { ...head, type: 'chat.updated', chat, changed };
  return type === 'chat.deleted' ? { ...head, type } : { ...head, type: 'unknown', kind: type };
}
