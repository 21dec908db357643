import type { Message, PendingMessage } from '@chat-api/client';
import { useEffect, useState } from 'preact/hooks';
import { Avatar } from '../ui/avatar.js';
import { Icon } from '../ui/icons.js';
import { textOf } from '../ui/problems.js';
import { dayName, shortTime, timeOf, wholeTimeOf } from '../ui/times.js';
import { MessageText } from './message-text.js';
import { MessageToolbar } from './message-toolbar.js';
import { Reactions } from './reactions.js';
import { useRoomTools } from './room-context.js';
import type { Row } from './rows.js';

interface MessageRowProps {
  row: Row;
  /** Whether the pointer or the focus is on it. */
  isActive: boolean;
  /** The names of those who have read it, where that is shown. */
  readers?: readonly string[] | undefined;
}

export function MessageRow({ row, isActive, readers }: MessageRowProps) {
  const { key, sender, at, message, pending, beginsDay, beginsUnread, isContinued } = row;
  const { state } = useRoomTools();
  const isNamed = message?.mentionsAll || message?.mentions.some(({ id }) => id === state.me?.id);
  return (
    <>
      {beginsDay && (
        <p class="divider">
          <span>{dayName(at)}</span>
        </p>
      )}
      {beginsUnread && (
        <p class="divider unread-divider">
          <span>New</span>
        </p>
      )}
      <div class={`message ${isContinued ? 'continued' : ''} ${isNamed ? 'named' : ''} ${isActive ? 'active' : ''}`}>
        <div class="message-side">
          {isContinued ? (
            <time class="side-time" dateTime={at} aria-hidden="true">
              {timeOf(at)}
            </time>
          ) : (
            <Avatar user={sender} />
          )}
        </div>
        <div class="message-body">
          <p class={isContinued ? 'unseen' : 'message-head'} id={`by-${key}`}>
            <span class="name">{sender.username}</span>{' '}
            <time dateTime={at} title={wholeTimeOf(at)}>
              {timeOf(at)}
            </time>
          </p>
          <div id={`text-${key}`}>
            {message ? <Stored message={message} /> : pending && <Pending pending={pending} />}
          </div>
          {message && <Reactions message={message} />}
          {message && <ThreadLink message={message} />}
          {readers !== undefined && readers.length > 0 && <p class="seen">{seenBy(readers)}</p>}
        </div>
        {isActive && message && message.deletedAt === null && <MessageToolbar message={message} />}
      </div>
    </>
  );
}

function Stored({ message }: { message: Message }) {
  const { state } = useRoomTools();
  if (message.deletedAt !== null) return <p class="message-text deleted">This message was deleted.</p>;
  return (
    <>
      {message.replyTo && <Quote id={message.replyTo.id} />}
      {message.thread?.alsoInChat && <p class="quote">From a thread</p>}
      <p class="message-text">
        <MessageText message={message} me={state.me?.id} />
        {message.editedAt !== null && (
          <span class="edited" title={wholeTimeOf(message.editedAt)}>
            {' '}
            (edited)
          </span>
        )}
        {message.pinnedAt !== null && (
          <span class="pinned" title={`Pinned by ${message.pinnedBy?.username ?? 'somebody'}`}>
            {' '}
            <Icon name="pin" />
            <span class="unseen">pinned</span>
          </span>
        )}
      </p>
    </>
  );
}

function Quote({ id }: { id: string }) {
  const { room, find, jump } = useRoomTools();
  const loaded = find(id);
  const [found, setFound] = useState<Message | null | undefined>();
  useEffect(() => {
    if (loaded) return;
    room.findMessage(id).then(setFound, () => setFound(null));
  }, [id, loaded === undefined]);
  const quoted = loaded ?? found;
  if (!quoted) return <p class="quote">{quoted === null ? 'A message that is not there' : '…'}</p>;
  return (
    <button type="button" class="quote" onClick={() => jump(quoted.seq)}>
      <span class="name">{quoted.sender.username}</span>{' '}
      {quoted.deletedAt === null ? quoted.content : 'This message was deleted.'}
    </button>
  );
}

function Pending({ pending }: { pending: PendingMessage }) {
  const { room } = useRoomTools();
  const { nonce, content, options, status, error } = pending;
  return (
    <>
      {options.replyTo !== undefined && <Quote id={options.replyTo} />}
      <p class="message-text sending">{content}</p>
      {status === 'failed' ? (
        <p class="failed">
          <span>Not sent. {error && textOf(error)}</span>
          <button type="button" class="link" onClick={() => room.retry(nonce)}>
            <Icon name="retry" />
            Try again
          </button>
          <button type="button" class="link" onClick={() => room.discard(nonce)}>
            Discard
          </button>
        </p>
      ) : (
        <span class="unseen">is being sent</span>
      )}
    </>
  );
}

function ThreadLink({ message }: { message: Message }) {
  const { openThread } = useRoomTools();
  const { replies } = message;
  if (!openThread || !replies || replies.count === 0) return null;
  const { count, lastReply, viewer } = replies;
  const isUnread = viewer?.following && viewer.unread > 0;
  return (
    <button type="button" class={`thread-link ${isUnread ? 'unread' : ''}`} onClick={() => openThread(message)}>
      <Icon name="thread" />
      <span>
        {count === 1 ? '1 reply' : `${count} replies`}
        {isUnread && `, ${viewer.unread} new`}
      </span>
      {lastReply && <span class="quiet">{shortTime(lastReply.createdAt)}</span>}
    </button>
  );
}

/** So many are named. */
const NAMED = 3;

function seenBy(readers: readonly string[]): string {
  const others = readers.length - NAMED;
  return `Seen by ${readers.slice(0, NAMED).join(', ')}${others > 0 ? ` and ${others} more` : ''}`;
}
