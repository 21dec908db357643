import type { ChangedState, Gap } from '../../delivery/inbox/inbox-sink.js';
import type { Invitation } from '../../domain/chats/invitations.js';
import type { ChatEvent } from '../../domain/log/chat-events.js';

/** What an inbox's subscription gets, with the position that the client has once it has taken it. */
export type InboxItem =
  | { type: 'event'; position: string; event: ChatEvent }
  | ({ type: 'state'; position: string } & ChangedState)
  | { type: 'invitation'; position: string; invitation: Invitation }
  | { type: 'gap'; position: string; gap: Gap };

export function chatIdOf(item: InboxItem): string {
  switch (item.type) {
    case 'event':
      return item.event.chatId;
    case 'state':
      return item.state.chatId;
    case 'invitation':
      return item.invitation.chat.id;
    case 'gap':
      return item.gap.chatId;
  }
}
