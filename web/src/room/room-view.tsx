import type { Message } from '@chat-api/client';
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { useWatchedPresence } from '../chats/presence.js';
import { chat } from '../session/session.js';
import { useObservable } from '../ui/observe.js';
import { textOf } from '../ui/problems.js';
import { go, type Panel } from '../ui/routes.js';
import { Composer } from './composer.js';
import { MembersPanel } from './members-panel.js';
import { MessageRow } from './message-row.js';
import { PinsPanel } from './pins-panel.js';
import { RoomContext, type RoomTools } from './room-context.js';
import { RoomHeader } from './room-header.js';
import { type Row, rowsOf } from './rows.js';
import { Timeline } from './timeline.js';
import { TypingLine } from './typing-line.js';
import { useReadMarker } from './use-read-marker.js';

/** Of so many members it is shown whether they are there. */
const WATCHED = 60;

export function RoomView({ chatId, panel }: { chatId: string; panel: Panel | undefined }) {
  const room = useMemo(() => chat.room(chatId), [chatId]);
  const state = useObservable(room);
  const [about, setAbout] = useState<{ what: 'reply' | 'edit'; message: Message } | undefined>();
  const { messages, pending, members, me, status } = state;
  const { unreadAfter, onEnd } = useReadMarker(room, state);
  useWatchedPresence(useMemo(() => members.slice(0, WATCHED).map(({ user }) => user.id), [members]));

  const rows = useMemo(() => rowsOf(messages, pending, me, unreadAfter), [messages, pending, me, unreadAfter]);
  const byId = useRef(new Map<string, Message>());
  byId.current = useMemo(() => new Map(messages.map((message) => [message.id, message])), [messages]);
  const tools = useMemo(
    (): RoomTools => ({
      room,
      state,
      find: (id) => byId.current.get(id),
      reply: (message) => setAbout({ what: 'reply', message }),
      edit: (message) => setAbout({ what: 'edit', message }),
      openThread: undefined,
    }),
    [room, state],
  );
  const draw = useCallback((row: Row, isActive: boolean) => <MessageRow row={row} isActive={isActive} />, []);
  useEffect(() => setAbout(undefined), [chatId]);

  if (status === 'left')
    return <Closed title="You are not in this chat" text="Somebody has removed you, or it does not exist." />;
  if (status === 'failed')
    return <Closed title="This chat could not be opened" text={textOf(state.error)} again={() => chat.connect()} />;
  return (
    <RoomContext.Provider value={tools}>
      <div class={`room ${panel ? 'with-panel' : ''}`}>
        <main id="main" class="conversation" tabIndex={-1} aria-label={state.chat ? undefined : 'Conversation'}>
          <RoomHeader panel={panel} />
          <Timeline
            label="Messages"
            rows={rows}
            draw={draw}
            beginning={<Beginning isLoaded={status === 'ready'} />}
            hasEarlier={state.hasEarlier}
            loadEarlier={() => room.loadEarlier()}
            isLoading={status === 'loading'}
            onEnd={onEnd}
          />
          <TypingLine thread={null} />
          {state.viewerCan.includes('send') ? (
            <Composer
              label="Write a message"
              about={about}
              onDone={() => setAbout(undefined)}
              onEditLast={() => {
                const last = messages.findLast(({ sender, deletedAt }) => sender.id === me?.id && deletedAt === null);
                if (last) tools.edit(last);
              }}
              send={(content, options) => void room.send(content, options)}
              typing={() => room.setTyping()}
              draftKey={chatId}
            />
          ) : (
            status === 'ready' && <p class="reader-note quiet">You can read here, and not write.</p>
          )}
        </main>
        {panel?.name === 'members' && <MembersPanel />}
        {panel?.name === 'pins' && <PinsPanel />}
      </div>
    </RoomContext.Provider>
  );
}

function Beginning({ isLoaded }: { isLoaded: boolean }) {
  return <p class="quiet">{isLoaded ? 'This is where it begins.' : 'Loading …'}</p>;
}

function Closed({ title, text, again }: { title: string; text: string; again?: () => void }) {
  return (
    <main id="main" class="nothing" tabIndex={-1}>
      <h1>{title}</h1>
      <p class="quiet">{text}</p>
      {again && (
        <button type="button" class="primary" onClick={again}>
          Try again
        </button>
      )}
      <button type="button" class="link" onClick={() => go({ view: 'home' })}>
        To your chats
      </button>
    </main>
  );
}
