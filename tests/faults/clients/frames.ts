import { type Change, type MessageChangeKind, marksIn } from '../entries.js';
import { type ReceivedMessage, reactionOf, stateOf } from './message-fields.js';
import type { StreamHandlers } from './streams.js';

interface Person {
  id: string;
}

type Frame =
  | { type: 'hello' | 'live' | 'reset'; cursor: string }
  | EventFrame
  | { type: 'closing' | 'pong' | 'token.expiring' };

/** A frame of a change. */
export type EventFrame = { seq: number; cursor: string } & (
  | { type: 'message.created' | Exclude<MessageChangeKind, 'message.reactions'>; message: ReceivedMessage }
  | { type: 'message.reactions'; messageId: string; reactions: NonNullable<ReceivedMessage['reactions']> }
  | { type: 'member.added' | 'member.updated'; member: { user: Person } }
  | { type: 'member.removed'; user: Person }
);

/**
 * Tells of a frame of the raw channel or of an event stream.
 * @param cursorOf the cursor to come back with, when it is not the frame's
 */
export function takeFrame(text: string, handlers: StreamHandlers, cursorOf = (cursor: string) => cursor): void {
  const frame: Frame = JSON.parse(text);
  switch (frame.type) {
    case 'hello':
      handlers.started(cursorOf(frame.cursor));
      return;
    case 'live':
      handlers.live(cursorOf(frame.cursor));
      return;
    case 'reset':
      handlers.reset(cursorOf(frame.cursor));
      return;
    case 'closing':
    case 'pong':
    case 'token.expiring':
      return;
    default:
      handlers.event(cursorOf(frame.cursor), changeOf(frame, text));
  }
}

/** @param text the frame as it came */
export function changeOf(frame: EventFrame, text: string): Change {
  const { seq } = frame;
  switch (frame.type) {
    case 'member.added':
    case 'member.updated':
      return { seq, kind: frame.type, subject: frame.member.user.id };
    case 'member.removed':
      return { seq, kind: frame.type, subject: frame.user.id };
    case 'message.reactions':
      return { seq, kind: frame.type, subject: frame.messageId, reactions: frame.reactions.map(reactionOf) };
    default: {
      const { message } = frame;
      return { seq, kind: frame.type, subject: message.id, message: stateOf(message), marks: marksIn(text) };
    }
  }
}
