import type { Schema, UserRef } from '@chat-api/client';

const COLOURS = 8;

/** A picture of somebody who has none. Their name stands beside it. */
export function Avatar({ user, status }: { user: UserRef; status?: Schema.PresenceStatus | undefined }) {
  const colour = hashOf(user.username) % COLOURS;
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

function hashOf(text: string): number {
  let hash = 0;
  for (const character of text) hash = (Math.imul(hash, 31) + (character.codePointAt(0) ?? 0)) | 0;
  return (hash ^ (hash >>> 5) ^ (hash >>> 9)) >>> 0;
}
