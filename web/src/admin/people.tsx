import { useState } from 'preact/hooks';
import { NewPerson } from '../people/new-person.js';
import { fullName, isFound, type Person, usePeople } from '../people/users.js';
import { chat } from '../session/session.js';
import { useViewer } from '../session/viewer.js';
import { Avatar } from '../ui/avatar.js';
import { Dialog } from '../ui/dialog.js';
import { Icon } from '../ui/icons.js';
import { Page } from '../ui/page.js';
import { attempt } from '../ui/problems.js';
import { Setting } from '../ui/setting.js';

const UPDATE = `mutation($id:ID!,$role:UserRole,$isActive:Boolean){
updateUser(id:$id,role:$role,isActive:$isActive){id username firstName lastName role kind isActive}}`;

const ROLES = [
  ['user', 'user'],
  ['admin', 'admin'],
] as const;

/** Everybody who has an account. */
export function People() {
  const { people, hasMore, isLoading, loadMore, put } = usePeople();
  const [sought, setSought] = useState('');
  const [isNew, setNew] = useState(false);
  const change = (changes: { id: string; role?: string; isActive?: boolean }) =>
    attempt(async () => {
      const { updateUser } = await chat.request<{ updateUser: Person }>(UPDATE, changes);
      put(updateUser);
    });
  return (
    <Page
      title="People"
      action={
        <button type="button" class="primary" onClick={() => setNew(true)}>
          <Icon name="add" />
          New person
        </button>
      }
    >
      {isNew && (
        <Dialog title="New person" onClose={() => setNew(false)}>
          <NewPerson onCreated={async (person) => put(person)} />
        </Dialog>
      )}
      <input
        class="search"
        type="search"
        aria-label="Find somebody"
        placeholder="Find somebody"
        value={sought}
        onInput={({ currentTarget }) => setSought(currentTarget.value)}
      />
      <ul class="people wide-list" aria-busy={isLoading}>
        {people
          .filter((person) => isFound(person, sought))
          .map((person) => (
            <PersonItem key={person.id} person={person} change={change} />
          ))}
      </ul>
      {hasMore && (
        <button type="button" class="link" onClick={() => void loadMore()}>
          More people
        </button>
      )}
    </Page>
  );
}

interface PersonItemProps {
  person: Person;
  change: (changes: { id: string; role?: string; isActive?: boolean }) => Promise<boolean>;
}

function PersonItem({ person, change }: PersonItemProps) {
  const me = useViewer();
  const { id, username, role, kind, isActive } = person;
  const isMe = id === me?.id;
  return (
    <li class={`person ${isActive === false ? 'inactive' : ''}`}>
      <Avatar user={person} />
      <span class="person-text">
        <span class="name">
          {username}
          {isMe && <span class="quiet"> (you)</span>}
          {kind !== 'human' && <span class="tag">{kind}</span>}
          {isActive === false && <span class="tag">deactivated</span>}
        </span>
        <span class="quiet">{fullName(person)}</span>
      </span>
      {!isMe && kind === 'human' && (
        <Setting
          label={`What ${username} is`}
          value={role}
          options={ROLES}
          change={(to) => void change({ id, role: to })}
        />
      )}
      {!isMe && (
        <button
          type="button"
          class={isActive === false ? 'link' : 'link danger'}
          aria-label={`${isActive === false ? 'Reactivate' : 'Deactivate'} ${username}`}
          onClick={() => void change({ id, isActive: isActive === false })}
        >
          {isActive === false ? 'Reactivate' : 'Deactivate'}
        </button>
      )}
    </li>
  );
}
