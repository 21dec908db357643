import type { Schema } from '@chat-api/client';
import { useEffect, useState } from 'preact/hooks';
import { chat } from '../session/session.js';
import { attempt } from '../ui/problems.js';
import { shortTime } from '../ui/times.js';
import { useRoomTools } from './room-context.js';
import { SidePanel } from './side-panel.js';

const PINS = 'query($chatId:ID!){chat(id:$chatId){pins{id content createdAt sender{id username}}}}';

type Pin = Pick<Schema.Message, 'id' | 'content' | 'createdAt'> & { sender: Pick<Schema.User, 'id' | 'username'> };

export function PinsPanel() {
  const { room, state } = useRoomTools();
  const [pins, setPins] = useState<readonly Pin[] | undefined>();
  const shown = state.messages.flatMap(({ id, pinnedAt, revision }) => (pinnedAt === null ? [] : [`${id}${revision}`]));
  useEffect(() => {
    void attempt(async () => {
      const { chat: found } = await chat.request<{ chat: { pins: Pin[] } | null }>(PINS, { chatId: room.id });
      setPins(found?.pins ?? []);
    });
  }, [room, shown.join()]);
  return (
    <SidePanel title="Pinned">
      <div class="panel-body">
        {pins?.length === 0 && <p class="quiet">Nothing is pinned here.</p>}
        <ul class="pins" aria-busy={pins === undefined}>
          {pins?.map(({ id, content, createdAt, sender }) => (
            <li key={id} class="pin">
              <p class="message-head">
                <span class="name">{sender.username}</span> <time dateTime={createdAt}>{shortTime(createdAt)}</time>
              </p>
              <p class="message-text">{content}</p>
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
