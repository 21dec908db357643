import { createHash } from 'node:crypto';

/** Who is there, computed from an index alone: the database is filled with the same by SQL (`seed.ts`). */
export interface Person {
  id: string;
  username: string;
  /** An access token with the scopes read and write. */
  token: string;
}

export interface Chat {
  id: string;
  name: string;
}

export const EPOCH = 'bench';
/** Members of a room. */
export const ROOM_MEMBERS = 10;

export function person(index: number): Person {
  const secret = createHash('sha256').update(`token of user-${index}`).digest('base64url');
  return { id: uuid('8000', index), username: `user-${index}`, token: `cat_${secret}` };
}

/** The one big chat. Its members are the first people of all. */
export const HALL: Chat = { id: uuid('a000', 1), name: 'hall' };

/** A chat of ten. */
export function room(index: number): Chat {
  return { id: uuid('9000', index), name: `room-${index}` };
}

/** The index of a member of a room; `place` counts from 0 to 9. */
export function roomMember(roomIndex: number, place: number, people: number): number {
  return (roomIndex * ROOM_MEMBERS + place) % people;
}

function uuid(kind: string, index: number): string {
  return `01930000-0000-7000-${kind}-${index.toString(16).padStart(12, '0')}`;
}
