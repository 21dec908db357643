import { type Change, fingerprint } from '../entries.js';

interface Person {
  id: string;
}

interface EventBase {
  seq: number;
  cursor: string;
}

export type GraphqlEvent = EventBase &
  (
    | { __typename: 'MessageCreated'; message: { id: string; content: string; sender: Person } }
    | { __typename: 'MemberAdded'; member: { user: Person } }
    | { __typename: 'MemberRemoved'; user: Person }
  );

/** What to select of a `ChatEvent`. */
export const EVENT_FIELDS = `__typename seq cursor
  ... on MessageCreated { message { id content sender { id } } }
  ... on MemberAdded { member { user { id } } }
  ... on MemberRemoved { user { id } }`;

export function changeOf(event: GraphqlEvent): Change {
  const { seq } = event;
  switch (event.__typename) {
    case 'MessageCreated': {
      const { id: subject, sender, content } = event.message;
      return { seq, kind: 'message.created', subject, sender: sender.id, content: fingerprint(content) };
    }
    case 'MemberAdded':
      return { seq, kind: 'member.added', subject: event.member.user.id };
    case 'MemberRemoved':
      return { seq, kind: 'member.removed', subject: event.user.id };
  }
}
