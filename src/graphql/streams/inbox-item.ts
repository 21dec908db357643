import type { Gap } from '../../delivery/inbox/inbox-sink.js';
import type { ChatEvent } from '../../domain/log/chat-events.js';
import type { ChatState } from '../../domain/mine/chat-states.js';

/** What an inbox's subscription gets, with the position that the client has once it has taken it. */
export type InboxItem =
  | { type: 'event'; position: string; event: ChatEvent }
  | { type: 'state'; position: string; state: ChatState }
  | { type: 'gap'; position: string; gap: Gap };
