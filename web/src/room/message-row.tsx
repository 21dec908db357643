import type { Message, PendingMessage } from '@chat-api/client';
import { Avatar } from '../ui/avatar.js';
import { Icon } from '../ui/icons.js';
import { textOf } from '../ui/problems.js';
import { dayName, timeOf, wholeTimeOf } from '../ui/times.js';
import { MessageText } from './message-text.js';
import { MessageToolbar } from './message-toolbar.js';
import { Reactions } from './reactions.js';
import { useRoomTools } from './room-context.js';
import type { Row } from './rows.js';

interface MessageRowProps {
  row: Row;
  /** Whether the pointer or the focus is on it. */
  isActive: boolean;
  /** How many have read it; undefined where it is not said. */
  readers?: number | undefined;
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
          {readers !== undefined && readers > 0 && <p class="seen">Seen by {readers}</p>}
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
  const quoted = useRoomTools().find(id);
  if (!quoted) return <p class="quote">An earlier message</p>;
  return (
    <p class="quote">
      <span class="name">{quoted.sender.username}</span>{' '}
      {quoted.deletedAt === null ? quoted.content : 'This message was deleted.'}
    </p>
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
  const replies = repliesOf(message);
  if (!openThread || replies === 0) return null;
  return (
    <button type="button" class="thread-link" onClick={() => openThread(message)}>
      <Icon name="thread" />
      {replies === 1 ? '1 reply' : `${replies} replies`}
    </button>
  );
}

function repliesOf(message: Message): number {
  return 'replies' in message && typeof message.replies === 'object' ? 0 : 0;
}
