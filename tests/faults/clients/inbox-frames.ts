import { changeOf, type EventFrame } from './frames.js';
import type { InboxHandlers } from './streams.js';

type Frame =
  | { type: 'hello' | 'live' | 'reset'; position: string }
  | { type: 'gap'; position: string; chatId: string; after: string; cursor: string }
  | { type: 'chat.state'; position: string; chatId: string }
  | (EventFrame & { position: string; chatId: string })
  | { type: 'closing' | 'pong' | 'token.expiring' };

/**
 * Tells of a frame of an inbox, of the raw one or of an event stream.
 * @param positionOf the position to come back with, when it is not the frame's
 */
export function takeInboxFrame(text: string, handlers: InboxHandlers, positionOf = (position: string) => position) {
  const frame: Frame = JSON.parse(text);
  switch (frame.type) {
    case 'hello':
      handlers.started(positionOf(frame.position));
      return;
    case 'live':
      handlers.live(positionOf(frame.position));
      return;
    case 'reset':
      handlers.reset(positionOf(frame.position));
      return;
    case 'gap': {
      const { chatId: chat, after, cursor } = frame;
      handlers.gap(positionOf(frame.position), { chat, after, cursor });
      return;
    }
    case 'chat.state':
      handlers.state(positionOf(frame.position), frame.chatId);
      return;
    case 'closing':
    case 'pong':
    case 'token.expiring':
      return;
    default: {
      const { chatId: chat, cursor } = frame;
      handlers.event(positionOf(frame.position), { chat, cursor, change: changeOf(frame, text) });
    }
  }
}
