import type { ChatEvent } from './events.js';
import type { Message } from './messages.js';
import type { PartState } from './room-part.js';
import type { PendingMessage } from './room-state.js';
import { applyToMessages, mergeMessages, replaceMessage } from './timeline.js';

/** What a thread shows. Each change makes a new object. */
export interface ThreadView extends PartState {
  /** The message that the thread is about; `replies` has how many there are, and whether one follows the thread. */
  readonly root: Message | null;
  /** The replies from the oldest that is loaded, oldest first; deleted ones are those with `deletedAt`. */
  readonly messages: readonly Message[];
  /** Whether there are older ones: `thread.loadEarlier()`. */
  readonly hasEarlier: boolean;
  /** One’s own replies that are not acknowledged. */
  readonly pending: readonly PendingMessage[];
}

export type ThreadAction =
  /** `upTo`: the number that the page is of. What was acknowledged behind it stays. */
  | { type: 'loaded'; root: Message; messages: readonly Message[]; hasEarlier: boolean; upTo: number }
  | { type: 'event'; event: ChatEvent }
  | { type: 'earlier'; messages: readonly Message[]; hasEarlier: boolean }
  | { type: 'message'; message: Message }
  /** `stored`: one’s own reply, which is not pending any more, and whose event may still come. */
  | { type: 'pending'; pending: readonly PendingMessage[]; stored?: Message | undefined };

export function emptyThread(): ThreadView {
  return { status: 'loading', error: null, root: null, messages: [], hasEarlier: false, pending: [] };
}

/** The state after an action. Pure: the same state and action make the same state, and neither is changed. */
export function reduceThread(state: ThreadView, action: ThreadAction): ThreadView {
  switch (action.type) {
    case 'loaded': {
      const { root, messages, hasEarlier, upTo } = action;
      const ahead = state.messages.filter(({ seq, nonce }) => nonce !== null && seq > upTo);
      return { ...state, root, messages: mergeMessages(messages, ahead), hasEarlier };
    }
    case 'event':
      return applyEvent(state, action.event);
    case 'earlier':
      return { ...state, messages: mergeMessages(action.messages, state.messages), hasEarlier: action.hasEarlier };
    case 'message': {
      const [root = null, ...messages] = replaceMessage(allOf(state), action.message);
      return { ...state, root, messages };
    }
    case 'pending': {
      const { pending, stored } = action;
      const isSame =
        pending.length === state.pending.length && pending.every((message, at) => message === state.pending[at]);
      if (stored) return withReply({ ...state, pending }, stored);
      return isSame ? state : { ...state, pending };
    }
  }
}

/** To apply the last events again changes nothing. */
function applyEvent(state: ThreadView, event: ChatEvent): ThreadView {
  const all = allOf(state);
  const [root = null, ...messages] = applyToMessages(all, event);
  const isNew = event.type === 'message.created' && event.message.thread?.rootId === root?.id;
  if (isNew) return withReply({ ...state, root, messages }, event.message);
  return root === state.root && messages.every((message, at) => message === state.messages[at])
    ? state
    : { ...state, root, messages };
}

function withReply(state: ThreadView, message: Message): ThreadView {
  const oldest = state.messages[0]?.seq ?? 0;
  if (state.hasEarlier && message.seq < oldest) return state;
  return { ...state, messages: mergeMessages(state.messages, [message]) };
}

/** The root, and behind it the replies. */
function allOf({ root, messages }: ThreadView): readonly Message[] {
  return root ? [root, ...messages] : messages;
}
