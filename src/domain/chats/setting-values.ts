import type { ChatRole } from '../chat-role.js';
import { badInput } from '../errors.js';
import { checkExternalId } from '../external-id.js';
import type { InvitePolicy } from '../invite-policy.js';
import type { ChatSetting } from '../log/events/chat-updated.js';
import { checkMetadata } from '../metadata.js';
import { checkText } from '../text.js';
import type { Visibility } from '../visibility.js';
import { checkChatName } from './chat-names.js';

/** Settings of a chat as they are given. What is undefined stays as it is. */
export interface GivenSettings {
  name?: string | null | undefined;
  topic?: string | null | undefined;
  visibility?: Visibility | null | undefined;
  postingRole?: ChatRole | null | undefined;
  slowSeconds?: number | null | undefined;
  invites?: InvitePolicy | null | undefined;
  receipts?: boolean | null | undefined;
  /** Null: the server's default. */
  retentionDays?: number | null | undefined;
  /** Null takes it away. */
  metadata?: unknown;
  /** Null takes it away. */
  externalId?: string | null | undefined;
  archived?: boolean | null | undefined;
}

/** In code points. */
export const MAX_TOPIC_LENGTH = 500;
/** Of a chat's metadata as JSON, in UTF-8. */
export const MAX_CHAT_METADATA_BYTES = 16_384;
/** Six hours. */
export const MAX_SLOW_SECONDS = 21_600;
/** Of messages: a hundred years. */
export const MAX_RETENTION_DAYS = 36_500;

/** What null takes away, or sets to the server's default. Null is no value of the others. */
const NULLABLE: readonly ChatSetting[] = ['retentionDays', 'metadata', 'externalId'];

/** The settings that are given, as `set_chat_settings` (prisma/functions) reads them. */
export type CheckedSettings = Partial<Record<ChatSetting | 'nameKey', unknown>>;

/** @throws DomainError `BAD_USER_INPUT`, which names the setting */
export function checkSettings(given: GivenSettings): CheckedSettings {
  for (const [field, value] of Object.entries(given))
    if (value === null && !NULLABLE.some((name) => name === field)) throw badInput(field, `${field} must not be null.`);
  const { name, topic, slowSeconds, retentionDays, metadata, externalId, ...choices } = given;
  const checked: CheckedSettings = { ...choices };
  if (name != null) Object.assign(checked, checkChatName('name', name));
  if (topic != null) checked.topic = checkTopic(topic);
  if (slowSeconds != null) checked.slowSeconds = checkNumber('slowSeconds', slowSeconds, 0, MAX_SLOW_SECONDS);
  if (retentionDays !== undefined)
    checked.retentionDays =
      retentionDays === null ? null : checkNumber('retentionDays', retentionDays, 1, MAX_RETENTION_DAYS);
  if (metadata !== undefined) checked.metadata = checkChatMetadata(metadata);
  if (externalId !== undefined)
    checked.externalId = externalId === null ? null : checkExternalId('externalId', externalId);
  return checked;
}

export function checkTopic(topic: string): string {
  return checkText('topic', topic, { min: 0, max: MAX_TOPIC_LENGTH });
}

/** Null for none. */
export function checkChatMetadata(metadata: unknown): unknown {
  return metadata == null ? null : checkMetadata(metadata, MAX_CHAT_METADATA_BYTES);
}

function checkNumber(field: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw badInput(field, `${field} must be a whole number from ${min} to ${max}.`);
}
