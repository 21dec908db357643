import type { Message, RoomState } from '@chat-api/client';
import { openThread, type ThreadView } from '@chat-api/client/threads';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { useObservable } from '../ui/observe.js';
import { attempt, textOf } from '../ui/problems.js';
import { Composer } from './composer.js';
import { MessageRow } from './message-row.js';
import { RoomContext, type RoomTools, useRoomTools } from './room-context.js';
import { type Row, rowsOf } from './rows.js';
import { SidePanel } from './side-panel.js';
import { Timeline } from './timeline.js';
import { TypingLine } from './typing-line.js';
import { useWriting } from './writing.js';

/** A message and the replies to it. */
export function ThreadPanel({ rootId }: { rootId: string }) {
  const tools = useRoomTools();
  const { room, state } = tools;
  const thread = useMemo(() => openThread(room, rootId), [room, rootId]);
  const view = useObservable(thread);
  const [about, setAbout] = useState<{ what: 'reply' | 'edit'; message: Message } | undefined>();
  const [isAlsoInChat, setAlsoInChat] = useState(false);
  const [isAtEnd, setAtEnd] = useState(true);
  const { root, messages, pending, status } = view;
  const writing = useWriting('reply');
  const rows = useMemo(() => rowsOfThread(view, state), [root, messages, pending, state.me]);
  const own = useMemo(
    (): RoomTools => ({
      ...tools,
      find: (id) => messages.find((message) => message.id === id) ?? tools.find(id),
      reply: (message) => setAbout({ what: 'reply', message }),
      edit: (message) => setAbout({ what: 'edit', message }),
      openThread: undefined,
    }),
    [tools, messages],
  );
  useEffect(() => {
    // What is not marked now is marked with the next reply.
    if (status === 'ready' && isAtEnd && document.hasFocus()) thread.markRead().catch(() => {});
  }, [status, isAtEnd, messages.at(-1)?.seq]);
  const isFollowing = root?.replies?.viewer?.following;
  const draw = (row: Row, isActive: boolean) => <MessageRow row={row} isActive={isActive} />;

  return (
    <SidePanel title="Thread">
      {isFollowing !== undefined && (
        <label class="follow">
          <input
            type="checkbox"
            checked={isFollowing}
            onChange={({ currentTarget }) => void attempt(() => thread.follow(currentTarget.checked))}
          />
          Tell me of new replies
        </label>
      )}
      <RoomContext.Provider value={own}>
        {status === 'failed' ? (
          <p class="alarm">{textOf(view.error)}</p>
        ) : (
          <Timeline
            label="Replies"
            rows={rows}
            draw={draw}
            beginning={null}
            hasEarlier={view.hasEarlier}
            loadEarlier={() => thread.loadEarlier()}
            isLoading={status === 'loading'}
            onEnd={setAtEnd}
          />
        )}
        <TypingLine thread={rootId} />
        {writing.may ? (
          <>
            <Composer
              label="Reply in the thread"
              about={about}
              onDone={() => setAbout(undefined)}
              onEditLast={() => {
                const last = messages.findLast(
                  ({ sender, deletedAt }) => sender.id === state.me?.id && deletedAt === null,
                );
                if (last) setAbout({ what: 'edit', message: last });
              }}
              send={(content, options) => void thread.send(content, { ...options, alsoInChat: isAlsoInChat })}
              typing={() => thread.setTyping()}
              waitUntil={writing.waitUntil}
              draftKey={rootId}
            />
            <label class="follow">
              <input
                type="checkbox"
                checked={isAlsoInChat}
                onChange={({ currentTarget }) => setAlsoInChat(currentTarget.checked)}
              />
              Send to the chat, too
            </label>
          </>
        ) : (
          writing.why !== undefined && <p class="reader-note quiet">{writing.why}</p>
        )}
      </RoomContext.Provider>
    </SidePanel>
  );
}

/** The root stands above its replies once all of them are loaded. */
function rowsOfThread({ root, messages, pending, hasEarlier }: ThreadView, { me }: RoomState): Row[] {
  return rowsOf(root && !hasEarlier ? [root, ...messages] : messages, pending, me, undefined);
}
