import type { Change } from '../entries.js';
import { marksIn } from '../entries.js';
import { MESSAGE_FIELDS, type ReceivedMessage, stateOf } from './message-fields.js';

interface Person {
  id: string;
}

interface EventBase {
  seq: number;
  cursor: string;
}

/** The types that show a message, and their kinds. */
const ABOUT_MESSAGES = {
  MessageCreated: 'message.created',
  MessageEdited: 'message.edited',
  MessageDeleted: 'message.deleted',
  ReactionsChanged: 'message.reactions',
  MessagePinned: 'message.pinned',
  MessageUnpinned: 'message.unpinned',
} as const;

export type GraphqlEvent = EventBase &
  (
    | { __typename: keyof typeof ABOUT_MESSAGES; message: ReceivedMessage }
    | { __typename: 'MemberAdded' | 'MemberUpdated'; member: { user: Person } }
    | { __typename: 'MemberRemoved'; user: Person }
  );

/** What to select of a `ChatEvent`. */
export const EVENT_FIELDS = `__typename seq cursor
  ${Object.keys(ABOUT_MESSAGES)
    .map((type) => `... on ${type} { message { ${MESSAGE_FIELDS} } }`)
    .join(' ')}
  ... on MemberAdded { member { user { id } } }
  ... on MemberUpdated { member { user { id } } }
  ... on MemberRemoved { user { id } }`;

export function changeOf(event: GraphqlEvent): Change {
  const { seq } = event;
  switch (event.__typename) {
    case 'MemberAdded':
      return { seq, kind: 'member.added', subject: event.member.user.id };
    case 'MemberUpdated':
      return { seq, kind: 'member.updated', subject: event.member.user.id };
    case 'MemberRemoved':
      return { seq, kind: 'member.removed', subject: event.user.id };
    default: {
      const { message } = event;
      const { replyTo } = message;
      return {
        seq,
        kind: ABOUT_MESSAGES[event.__typename],
        subject: message.id,
        message: stateOf(message),
        ...(isShown(replyTo) && { quote: { id: replyTo.id, message: stateOf(replyTo) } }),
        marks: marksIn(JSON.stringify(event)),
      };
    }
  }
}

function isShown(quoted: ReceivedMessage['replyTo']): quoted is ReceivedMessage {
  return quoted?.sender !== undefined && quoted.content !== undefined;
}
