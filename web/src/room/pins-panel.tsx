import { openPins } from '@chat-api/client/pins';
import { useMemo } from 'preact/hooks';
import { useObservable } from '../ui/observe.js';
import { attempt, textOf } from '../ui/problems.js';
import { shortTime } from '../ui/times.js';
import { useRoomTools } from './room-context.js';
import { SidePanel } from './side-panel.js';

export function PinsPanel() {
  const { room, state, jump } = useRoomTools();
  const { messages, status, error } = useObservable(useMemo(() => openPins(room), [room]));
  return (
    <SidePanel title="Pinned">
      <div class="panel-body">
        {status === 'failed' && <p class="alarm">{textOf(error)}</p>}
        {status === 'ready' && messages.length === 0 && <p class="quiet">Nothing is pinned here.</p>}
        <ul class="pins" aria-busy={status === 'loading'}>
          {messages.map(({ id, seq, content, createdAt, sender, thread }) => (
            <li key={id} class="pin">
              <p class="message-head">
                <span class="name">{sender.username}</span> <time dateTime={createdAt}>{shortTime(createdAt)}</time>
              </p>
              <p class="message-text">{content}</p>
              {(thread === null || thread.alsoInChat) && (
                <button type="button" class="link" onClick={() => jump(seq)}>
                  Show
                </button>
              )}
              {state.viewerCan.includes('pin') && (
                <button type="button" class="link" onClick={() => void attempt(() => room.unpin(id))}>
                  Unpin
                </button>
              )}
            </li>
          ))}
        </ul>
      </div>
    </SidePanel>
  );
}
