import type { Invitation } from '../../domain/chats/invitations.js';
import type { MarkedHead } from '../../domain/log/marks.js';
import type { ChatState } from '../../domain/mine/chat-states.js';
import type { InboxPosition } from '../../domain/mine/inbox-position.js';
import type { Reach } from '../../domain/viewer.js';
import type { ChatStream } from '../chat-stream.js';
import type { CheckedStreamRequest } from '../chat-streams.js';
import type { ChatWatcher } from '../hub.js';
import type { StreamSink } from '../stream-sink.js';
import type { InboxBeginning } from './inbox-beginning.js';

/** What an inbox reads of the process around it. One for all inboxes. */
export interface InboxSources {
  openChat(request: CheckedStreamRequest, sink: StreamSink): Promise<ChatStream>;
  /** As of `Hub`, and in the same turn: a chat that was subscribed to stays so. */
  watch(chatIds: readonly string[], watcher: ChatWatcher): void;
  unwatch(chatIds: Iterable<string>, watcher: ChatWatcher): void;
  states(userId: string, chatIds: readonly string[]): Promise<ChatState[]>;
  /** Those that were changed by transactions from this one on. */
  invitations(userId: string, mark: number): Promise<Invitation[]>;
  /** The history was replaced. */
  beginAnew(userId: string, chats: Reach): Promise<InboxBeginning>;
  /** The chats in reach are others from now on. */
  resume(userId: string, position: InboxPosition, chats: Reach): Promise<InboxBeginning>;
  /** The head that was last compared with the chats at rest; undefined when there was none. */
  comparedHead(chatId: string): MarkedHead | undefined;
  /** The newest head of a chat, for all inboxes of the process that ask at the same time. */
  markedHead(chatId: string): Promise<MarkedHead | undefined>;
  failed(error: unknown): void;
}
