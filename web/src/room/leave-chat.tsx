import { leaveChat } from '@chat-api/client/chats';
import { chat as client } from '../session/session.js';
import { Confirmed } from '../ui/confirmed.js';
import { go } from '../ui/navigation.js';
import { useRoomTools } from './room-context.js';

/** Ends one’s own membership. A direct chat is hidden until somebody writes in it again. */
export function LeaveChat() {
  const { room, state } = useRoomTools();
  const { chat } = state;
  if (!chat) return null;
  const isDirect = chat.kind === 'direct';
  const leave = async () => {
    await leaveChat(client, room.id);
    go({ view: 'home' });
  };
  if (isDirect)
    return (
      <Confirmed label="Hide the chat …" action="Hide it" act={leave}>
        It goes from your list, with all that was written, until its next message.
      </Confirmed>
    );
  return (
    <Confirmed label="Leave the chat …" action="Leave" act={leave}>
      Leave {chat.name}?{' '}
      {chat.visibility === 'public' ? 'You may join it again.' : 'You come back only if somebody invites you.'}
    </Confirmed>
  );
}
