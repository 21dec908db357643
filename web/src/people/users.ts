import type { Schema } from '@chat-api/client';
import { useEffect, useState } from 'preact/hooks';
import { chat } from '../session/session.js';
import { attempt } from '../ui/problems.js';

export type Person = Pick<Schema.User, 'id' | 'username' | 'firstName' | 'lastName' | 'role' | 'kind' | 'isActive'>;

const PER_PAGE = 200;
const USERS = `query($first:Int!,$after:ID){users(first:$first,after:$after){id username firstName lastName role kind isActive}}`;

/** Everybody who has an account, a page after the other. Admins only. */
export function usePeople() {
  const [people, setPeople] = useState<readonly Person[]>([]);
  const [hasMore, setMore] = useState(false);
  const [isLoading, setLoading] = useState(true);

  const load = async (before: readonly Person[]) => {
    setLoading(true);
    await attempt(async () => {
      const { users } = await chat.request<{ users: Person[] }>(USERS, { first: PER_PAGE, after: before.at(-1)?.id });
      setPeople([...before, ...users]);
      setMore(users.length === PER_PAGE);
    });
    setLoading(false);
  };
  useEffect(() => void load([]), []);
  return {
    people,
    hasMore,
    isLoading,
    loadMore: () => load(people),
    /** Shows a person who is new or has changed. */
    put: (person: Person) =>
      setPeople(
        people.some(({ id }) => id === person.id)
          ? people.map((other) => (other.id === person.id ? person : other))
          : [...people, person],
      ),
  };
}

export function fullName({ firstName, lastName }: Pick<Person, 'firstName' | 'lastName'>): string {
  return `${firstName} ${lastName}`.trim();
}

export function isFound(person: Person, sought: string): boolean {
  return `${person.username} ${fullName(person)}`.toLowerCase().includes(sought.trim().toLowerCase());
}
