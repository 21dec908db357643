import type { UserRef } from '@chat-api/client';
import { invite } from '@chat-api/client/invitations';
import { useState } from 'preact/hooks';
import { usePeople } from '../people/users.js';
import { useRoomTools } from '../room/room-context.js';
import { SidePanel } from '../room/side-panel.js';
import { chat } from '../session/session.js';
import { useViewer } from '../session/viewer.js';
import { announce } from '../ui/announcer.js';
import { Avatar } from '../ui/avatar.js';
import { attempt } from '../ui/problems.js';
import { InviteLinks } from './invite-links.js';
import { useKnownPeople } from './known-people.js';

/** So many are shown; others are found by their names. */
const SHOWN = 20;

/** Invites people to the chat: those whom one knows, and by a link whoever has it. */
export function InvitePanel() {
  const isAdmin = useViewer()?.role === 'admin';
  const { state } = useRoomTools();
  return (
    <SidePanel title="Invite people" back="members">
      <div class="panel-body">
        {state.viewerCan.includes('invite') ? (
          <>
            {isAdmin ? <Everybody /> : <Known />}
            <InviteLinks />
          </>
        ) : (
          <p class="quiet">You cannot invite people to this chat.</p>
        )}
      </div>
    </SidePanel>
  );
}

function Everybody() {
  const { people, isLoading } = usePeople();
  return <People people={isLoading ? undefined : people.filter(({ isActive }) => isActive !== false)} />;
}

function Known() {
  return <People people={useKnownPeople()} />;
}

function People({ people }: { people: readonly UserRef[] | undefined }) {
  const { room, state } = useRoomTools();
  const [sought, setSought] = useState('');
  const [invited, setInvited] = useState<ReadonlySet<string>>(new Set());
  const members = new Set(state.members.map(({ user }) => user.id));
  const wanted = sought.trim().toLowerCase();
  const others = people?.filter(({ id }) => !members.has(id)) ?? [];
  const found = others.filter(({ username }) => username.toLowerCase().includes(wanted));
  const ask = ({ id, username }: UserRef) =>
    attempt(async () => {
      await invite(chat, room.id, id);
      setInvited((before) => new Set([...before, id]));
      announce(`${username} is invited`);
    });
  return (
    <section class="section" aria-label="Somebody you know">
      <h3>Somebody you know</h3>
      {others.length > 0 && (
        <input
          class="search"
          type="search"
          aria-label="Find somebody"
          placeholder="Find somebody"
          value={sought}
          onInput={({ currentTarget }) => setSought(currentTarget.value)}
        />
      )}
      <ul class="people" aria-busy={people === undefined}>
        {found.slice(0, SHOWN).map((person) => (
          <li key={person.id} class="person">
            <Avatar user={person} />
            <span class="person-text">
              <span class="name">{person.username}</span>
            </span>
            {invited.has(person.id) ? (
              <span class="quiet">Invited</span>
            ) : (
              <button
                type="button"
                class="secondary"
                aria-label={`Invite ${person.username}`}
                onClick={() => void ask(person)}
              >
                Invite
              </button>
            )}
          </li>
        ))}
      </ul>
      {found.length > SHOWN && <p class="quiet">And {found.length - SHOWN} more: write a part of the name.</p>}
      {people !== undefined && found.length === 0 && (
        <p class="quiet">
          {others.length === 0
            ? 'Everybody whom you share a chat with is here already.'
            : 'Nobody whom you know is called so.'}
        </p>
      )}
    </section>
  );
}
