import type { UserRef } from '@chat-api/client';
import { useEffect, useState } from 'preact/hooks';
import { chat } from '../session/session.js';
import { attempt } from '../ui/problems.js';

/** Of so many chats, so many members each. */
const KNOWN = '{me{id} inbox(first:20){items{chat{members(first:50){user{id username}}}}}}';

interface Answer {
  me: { id: string };
  inbox: { items: { chat: { members: { user: UserRef }[] } }[] };
}

/** Those with whom one shares a chat, by name: nobody but admins finds others. Undefined while they are read. */
export function useKnownPeople(): readonly UserRef[] | undefined {
  const [people, setPeople] = useState<readonly UserRef[] | undefined>();
  useEffect(() => {
    void attempt(async () => {
      const { me, inbox } = await chat.request<Answer>(KNOWN);
      const users = inbox.items.flatMap((item) => item.chat.members.map(({ user }) => user));
      const byId = new Map(users.filter(({ id }) => id !== me.id).map((user) => [user.id, user]));
      setPeople([...byId.values()].sort((one, other) => one.username.localeCompare(other.username)));
    });
  }, []);
  return people;
}
