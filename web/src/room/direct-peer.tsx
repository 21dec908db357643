import { block, listBlocked, unblock } from '@chat-api/client/moderation';
import { useEffect, useState } from 'preact/hooks';
import { chat as client } from '../session/session.js';
import { announce } from '../ui/announcer.js';
import { attempt } from '../ui/problems.js';
import { useRoomTools } from './room-context.js';

/** Blocks the other user of a direct chat, or ends that. */
export function DirectPeer() {
  const { state } = useRoomTools();
  const peer = state.members.find(({ user }) => user.id !== state.me?.id)?.user;
  const [isBlocked, setBlocked] = useState<boolean | undefined>();
  useEffect(() => {
    if (!peer) return;
    void attempt(async () => setBlocked((await listBlocked(client)).some(({ id }) => id === peer.id)));
  }, [peer?.id]);
  if (!peer || isBlocked === undefined) return null;
  const toggle = () =>
    attempt(async () => {
      await (isBlocked ? unblock : block)(client, peer.id);
      setBlocked(!isBlocked);
      announce(isBlocked ? `${peer.username} is not blocked any more` : `${peer.username} is blocked`);
    });
  return (
    <div class="section">
      <button type="button" class={isBlocked ? 'secondary wide' : 'link danger'} onClick={() => void toggle()}>
        {isBlocked ? `Unblock ${peer.username}` : `Block ${peer.username}`}
      </button>
      <p class="quiet small">
        {isBlocked
          ? `${peer.username} cannot write to you here.`
          : `Who is blocked cannot write to you here. In other chats nothing changes.`}
      </p>
    </div>
  );
}
