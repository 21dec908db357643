import type { Schema, UserRef } from '@chat-api/client';

const COLOURS = 8;

/** A picture of somebody who has none. Their name stands beside it. */
export function Avatar({ user, status }: { user: UserRef; status?: Schema.PresenceStatus | undefined }) {
  const colour =
    [...user.username].reduce((sum, character) => (sum * 31 + character.charCodeAt(0)) % 9973, 7) % COLOURS;
  return (
    <span class={`avatar colour-${colour}`}>
      <span aria-hidden="true">{[...user.username][0]?.toUpperCase()}</span>
      {status !== undefined && status !== 'offline' && <span class={`presence ${status}`} title={status} />}
    </span>
  );
}

/** The picture of a group. */
export function GroupAvatar({ name }: { name: string }) {
  return (
    <span class="avatar group">
      <span aria-hidden="true">{[...name][0]?.toUpperCase()}</span>
    </span>
  );
}
