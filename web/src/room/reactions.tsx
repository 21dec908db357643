import type { Message } from '@chat-api/client';
import { attempt } from '../ui/problems.js';
import { useRoomTools } from './room-context.js';

export function Reactions({ message }: { message: Message }) {
  const { room, state } = useRoomTools();
  if (message.reactions.length === 0) return null;
  const mayReact = state.viewerCan.includes('react');
  return (
    <ul class="reactions" aria-label="Reactions">
      {message.reactions.map(({ emoji, count, mine }) => (
        <li key={emoji}>
          <button
            type="button"
            class="reaction"
            aria-pressed={mine === true}
            aria-label={`${emoji} ${count}`}
            disabled={!mayReact}
            onClick={() => void attempt(() => (mine ? room.unreact(message.id, emoji) : room.react(message.id, emoji)))}
          >
            <span class="emoji" aria-hidden="true">
              {emoji}
            </span>
            <span aria-hidden="true">{count}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}
