import type { ClientContext } from './context.js';
import { messagesById } from './documents-by-id.js';
import type { Member, RoomEvent } from './events.js';
import { Follower } from './follower.js';
import { type GraphqlMessage, type Message, messageFromGraphql } from './messages.js';
import type { EventsOptions, Room } from './room.js';
import { storedEvents } from './stored-events.js';

export { mutate } from './mutations.js';

/** What a room does not need to be shown. It is loaded when it is used. */

/** Members among whom `findMembers` looks; those of larger chats beyond are found once they are loaded. */
const MEMBERS_SEARCHED = 5000;

/** As `room.events()`. @param shown the room's cursor when they were asked for */
export async function* eventsOf(
  room: Room,
  followers: Set<Follower>,
  shown: string | null,
  { after, signal }: EventsOptions,
): AsyncGenerator<RoomEvent, void, void> {
  const { context } = room;
  const follower = new Follower(room.id, storedEvents(context), () => context.connection.userId);
  followers.add(follower);
  const close = () => follower.close();
  signal?.addEventListener('abort', close);
  if (signal?.aborted) close();
  try {
    // What is read then misses nothing, or the stream says that it does.
    await context.connection.begun;
    const cursor = after ?? shown ?? (await room.ready()).cursor;
    // The stream may have brought some before, to the room.
    follower.interrupted();
    if (cursor !== null) follower.begin(cursor);
    for (let event = await follower.next(); event; event = await follower.next()) yield event;
  } finally {
    signal?.removeEventListener('abort', close);
    followers.delete(follower);
  }
}

/** These messages as they are now, in their order; null where there is none of the chat. At most `MESSAGES_AT_ONCE`. */
export async function readMessages(
  { request }: ClientContext,
  chatId: string,
  ids: readonly string[],
): Promise<(Message | null)[]> {
  const variables = Object.fromEntries(ids.map((id, index) => [`v${index}`, id]));
  const answer = await request<Record<string, GraphqlMessage | null>>(messagesById(ids.length), {
    ...{ ...variables, chatId },
  });
  return Object.values(answer).map((message) => message && messageFromGraphql(message));
}

/** The message as it is now; null for one that is not of the room’s chat. */
export async function readMessage({ id, context }: Room, messageId: string): Promise<Message | null> {
  const [message = null] = await readMessages(context, id, [messageId]);
  return message;
}

/** As `room.loadBackTo()`. */
export async function loadBackTo(room: Room, seq: number, isClosed: () => boolean): Promise<void> {
  const isMissing = () => room.get().hasEarlier && (room.messages[0]?.seq ?? 0) > seq;
  // It gives no more at once than the service does.
  while (isMissing() && !isClosed()) await room.loadEarlier(Number.POSITIVE_INFINITY);
}

/** As `room.findMembers()`. */
export async function findMembers(room: Room, beginning: string, count: number): Promise<Member[]> {
  const start = beginning.toLowerCase();
  const find = () => room.members.filter(({ user }) => user.username.toLowerCase().startsWith(start));
  while (find().length < count && room.get().hasMoreMembers && room.members.length < MEMBERS_SEARCHED)
    await room.loadMembers();
  return find()
    .sort((one, other) => one.user.username.localeCompare(other.user.username))
    .slice(0, count);
}
