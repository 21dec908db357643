import type { Message, Schema } from '@chat-api/client';
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { chat } from '../session/session.js';
import { Icon, IconButton, type IconName } from '../ui/icons.js';
import { Popup } from '../ui/popup.js';
import { attempt, showProblem } from '../ui/problems.js';
import { EMOJI } from './emoji.js';
import { useRoomTools } from './room-context.js';

/** What one may do with a message; what one may not is not there. */
export function MessageToolbar({ message }: { message: Message }) {
  const { room, state, reply, openThread } = useRoomTools();
  const anchor = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState<'reactions' | 'more' | undefined>();
  const close = useCallback(() => setOpen(undefined), []);
  const maySend = state.viewerCan.includes('send');
  const toggle = (which: 'reactions' | 'more') => setOpen(open === which ? undefined : which);
  return (
    <div class="toolbar" ref={anchor} role="group" aria-label="Actions for this message">
      {state.viewerCan.includes('react') && (
        <IconButton icon="react" label="React" expanded={open === 'reactions'} onClick={() => toggle('reactions')} />
      )}
      {maySend && <IconButton icon="reply" label="Reply" onClick={() => reply(message)} />}
      {openThread && <IconButton icon="thread" label="Open the thread" onClick={() => openThread(message)} />}
      <IconButton icon="more" label="More" expanded={open === 'more'} onClick={() => toggle('more')} />
      {open === 'reactions' && (
        <Popup label="React with" role="group" anchor={anchor} onClose={close}>
          <div class="emoji-grid">
            {EMOJI.map(([emoji, name]) => (
              <button
                key={emoji}
                type="button"
                class="emoji-button"
                aria-label={name}
                title={name}
                onClick={() => {
                  close();
                  void attempt(() => room.react(message.id, emoji));
                }}
              >
                {emoji}
              </button>
            ))}
          </div>
        </Popup>
      )}
      {open === 'more' && (
        <Popup label="More" role="menu" anchor={anchor} onClose={close}>
          <More message={message} close={close} />
        </Popup>
      )}
    </div>
  );
}

const RIGHTS = 'query($chatId:ID!,$id:ID!){message(chatId:$chatId,id:$id){viewerCan}}';

/** The service knows what one may: the time for an edit may be over, and others' messages are moderators' to delete. */
function useRights({ id }: Message): readonly Schema.MessageAction[] | undefined {
  const { room } = useRoomTools();
  const [rights, setRights] = useState<readonly Schema.MessageAction[] | undefined>();
  useEffect(() => {
    let isCurrent = true;
    const asked = chat.request<{ message: Pick<Schema.Message, 'viewerCan'> | null }>(RIGHTS, { chatId: room.id, id });
    asked.then(
      ({ message }) => isCurrent && setRights(message?.viewerCan ?? []),
      (error) => {
        if (isCurrent) setRights([]);
        showProblem(error);
      },
    );
    return () => {
      isCurrent = false;
    };
  }, [room, id]);
  return rights;
}

function More({ message, close }: { message: Message; close: () => void }) {
  const { room, state, edit, report } = useRoomTools();
  const rights = useRights(message);
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => list.current?.querySelector('button')?.focus(), [rights]);
  if (!rights) return <p class="quiet">Loading …</p>;
  const item = (icon: IconName, label: string, action: () => void) => (
    <button
      key={label}
      type="button"
      role="menuitem"
      class={icon === 'delete' || icon === 'flag' ? 'menu-item danger' : 'menu-item'}
      onClick={() => {
        close();
        action();
      }}
    >
      <Icon name={icon} />
      {label}
    </button>
  );
  const isPinned = message.pinnedAt !== null;
  const change = isPinned ? room.unpin : room.pin;
  const items = [
    rights.includes('edit') && item('edit', 'Edit', () => edit(message)),
    rights.includes('pin') &&
      item('pin', isPinned ? 'Unpin' : 'Pin', () => void attempt(() => change.call(room, message.id))),
    message.thread === null &&
      state.viewer &&
      item('chats', 'Mark as unread', () => void attempt(() => room.markUnread(message.seq))),
    rights.includes('report') && message.sender.id !== state.me?.id && item('flag', 'Report …', () => report(message)),
    rights.includes('delete') && item('delete', 'Delete', () => void attempt(() => room.delete(message.id))),
  ].filter((entry) => entry !== false);
  return <div ref={list}>{items.length > 0 ? items : <p class="quiet">Nothing more to do here.</p>}</div>;
}
