import { useState } from 'preact/hooks';
import { Avatar } from '../ui/avatar.js';
import { Dialog } from '../ui/dialog.js';
import { attempt } from '../ui/problems.js';
import { NewPerson } from './new-person.js';
import { fullName, isFound, type Person, usePeople } from './users.js';

interface PersonPickerProps {
  title: string;
  /** The ids of those who are not offered. */
  excluded: ReadonlySet<string>;
  onPick: (person: Person) => Promise<unknown>;
  onClose: () => void;
}

export function PersonPicker({ title, excluded, onPick, onClose }: PersonPickerProps) {
  const { people, hasMore, isLoading, loadMore } = usePeople();
  const [sought, setSought] = useState('');
  const [isNew, setNew] = useState(false);
  const found = people.filter(
    (person) => person.isActive !== false && !excluded.has(person.id) && isFound(person, sought),
  );
  return (
    <Dialog title={title} onClose={onClose}>
      {isNew ? (
        <NewPerson onCreated={onPick} />
      ) : (
        <>
          <input
            class="search"
            type="search"
            aria-label="Find somebody"
            placeholder="Find somebody"
            value={sought}
            onInput={({ currentTarget }) => setSought(currentTarget.value)}
          />
          <ul class="people picker" aria-busy={isLoading}>
            {found.map((person) => (
              <li key={person.id} class="person">
                <Avatar user={person} />
                <span class="person-text">
                  <span class="name">{person.username}</span>
                  <span class="quiet">{fullName(person)}</span>
                </span>
                <button
                  type="button"
                  class="secondary"
                  aria-label={`Add ${person.username}`}
                  onClick={() => void attempt(() => onPick(person))}
                >
                  Add
                </button>
              </li>
            ))}
          </ul>
          {!isLoading && found.length === 0 && <p class="quiet">Nobody else has an account.</p>}
          {hasMore && (
            <button type="button" class="link" onClick={() => void loadMore()}>
              More people
            </button>
          )}
          <button type="button" class="secondary wide" onClick={() => setNew(true)}>
            Somebody new …
          </button>
        </>
      )}
    </Dialog>
  );
}
