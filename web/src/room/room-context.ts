import type { Message, Room, RoomState } from '@chat-api/client';
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';

/** What the parts of a room share. */
export interface RoomTools {
  readonly room: Room;
  readonly state: RoomState;
  /** Messages of the main timeline by their ids, as far as they are loaded. */
  find(id: string): Message | undefined;
  /** Shows a message of the main timeline, however far back it is. */
  jump(seq: number): void;
  reply(message: Message): void;
  edit(message: Message): void;
  /** Asks what is wrong with a message, and reports it. */
  report(message: Message): void;
  /** Opens the thread of a message; undefined where one is in a thread. */
  readonly openThread: ((message: Message) => void) | undefined;
}

export const RoomContext = createContext<RoomTools | undefined>(undefined);

export function useRoomTools(): RoomTools {
  const tools = useContext(RoomContext);
  if (!tools) throw new Error('This is drawn in a room only.');
  return tools;
}
