import type { UserRef } from '@chat-api/client';
import { listBlocked, unblock } from '@chat-api/client/moderation';
import { useEffect, useRef, useState } from 'preact/hooks';
import { chat } from '../session/session.js';
import { Avatar } from '../ui/avatar.js';
import { Dialog } from '../ui/dialog.js';
import { useKeptFocus } from '../ui/kept-focus.js';
import { attempt } from '../ui/problems.js';

/** Whom one blocks in direct chats. */
export function BlockedDialog({ onClose }: { onClose: () => void }) {
  const [people, setPeople] = useState<readonly UserRef[] | undefined>();
  const list = useRef<HTMLUListElement>(null);
  useKeptFocus(list, people);
  useEffect(() => void attempt(async () => setPeople(await listBlocked(chat))), []);
  const end = ({ id }: UserRef) =>
    attempt(async () => {
      await unblock(chat, id);
      setPeople((before) => before?.filter((one) => one.id !== id));
    });
  return (
    <Dialog title="Blocked people" onClose={onClose}>
      <ul class="people" aria-label="Blocked people" aria-busy={people === undefined} ref={list} tabIndex={-1}>
        {people?.map((person) => (
          <li key={person.id} class="person">
            <Avatar user={person} />
            <span class="person-text">
              <span class="name">{person.username}</span>
            </span>
            <button
              type="button"
              class="secondary"
              aria-label={`Unblock ${person.username}`}
              onClick={() => void end(person)}
            >
              Unblock
            </button>
          </li>
        ))}
      </ul>
      {people?.length === 0 && <p class="quiet">You block nobody. In a direct chat you can, under “Members”.</p>}
    </Dialog>
  );
}
