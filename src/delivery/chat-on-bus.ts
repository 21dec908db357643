import { CHAT_KINDS } from '../domain/chat-kind.js';
import { isChatRole } from '../domain/chat-role.js';
import { INVITE_POLICIES } from '../domain/invite-policy.js';
import type { LoggedChat } from '../domain/log/logged-chat.js';
import { VISIBILITIES } from '../domain/visibility.js';
import { type JsonObject, MalformedPayload, nonEmptyText, number, object, text, timestamp } from './payload.js';

const MAX_NAME_LENGTH = 100;
const MAX_TOPIC_LENGTH = 500;

/** The chat in an event's payload. @throws MalformedPayload, which names the field */
export function readChat(chatId: string, chat: JsonObject): LoggedChat {
  if (chat.id !== chatId) throw new MalformedPayload('chat.id');
  const { postingRole, archivedAt, metadata } = chat;
  if (!isChatRole(postingRole)) throw new MalformedPayload('chat.postingRole');
  return {
    id: chatId,
    name: nonEmptyText(chat.name, 'chat.name', MAX_NAME_LENGTH),
    kind: oneOf(CHAT_KINDS, chat.kind, 'chat.kind'),
    visibility: oneOf(VISIBILITIES, chat.visibility, 'chat.visibility'),
    topic: text(chat.topic, 'chat.topic', MAX_TOPIC_LENGTH),
    postingRole,
    slowSeconds: number(chat.slowSeconds, 'chat.slowSeconds'),
    invites: oneOf(INVITE_POLICIES, chat.invites, 'chat.invites'),
    archivedAt: archivedAt === null ? null : timestamp(archivedAt, 'chat.archivedAt'),
    metadata: metadata === null ? null : object(metadata, 'chat.metadata'),
  };
}

function oneOf<Value extends string>(values: readonly Value[], given: unknown, field: string): Value {
  const found = values.find((value) => value === given);
  if (found === undefined) throw new MalformedPayload(field);
  return found;
}
