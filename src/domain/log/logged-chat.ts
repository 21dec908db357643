import type { ChatKind } from '../chat-kind.js';
import type { ChatRole } from '../chat-role.js';
import type { InvitePolicy } from '../invite-policy.js';
import type { Metadata } from '../metadata.js';
import type { Visibility } from '../visibility.js';
import { utc } from './message-rows.js';

/** What the events of a chat show of it, as `chat_as_json` (prisma/functions) gives it. */
export interface LoggedChat {
  id: string;
  name: string;
  kind: ChatKind;
  visibility: Visibility;
  topic: string;
  postingRole: ChatRole;
  slowSeconds: number;
  invites: InvitePolicy;
  /** ISO 8601, UTC, milliseconds; null for a chat that is not archived. */
  archivedAt: string | null;
  metadata: Metadata | null;
}

/** What `chat_as_json` returned: PostgreSQL writes times in JSON in another format. */
export function loggedChatOfJson(json: LoggedChat): LoggedChat {
  return { ...json, archivedAt: json.archivedAt && utc(json.archivedAt) };
}

const sizes = new WeakMap<LoggedChat, number>();

/** As `sizeOfMessage`. */
export function sizeOfLoggedChat(chat: LoggedChat): number {
  let size = sizes.get(chat);
  if (size === undefined) {
    size = chat.name.length + chat.topic.length + (chat.metadata ? JSON.stringify(chat.metadata).length : 0);
    sizes.set(chat, size);
  }
  return size;
}
