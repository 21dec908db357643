import { badInput, type DomainError } from '../domain/errors.js';
import type { MessageEdit as EditedMessage } from '../domain/messages/message-changes.js';
import type { SendExtras } from '../domain/messages/send-extras.js';

/** A client's frame. `id` is chosen by the client, and the answer repeats it. */
export type ClientFrame = MessageSend | MessageEdit | MessageChange | MessageReaction | Auth | Ping | Refused;

export interface MessageSend {
  type: 'message.send';
  id: string | undefined;
  content: string;
  nonce: string | undefined;
  extras: SendExtras;
  /** False for a Django Channels client, which does not know `ack`: it sees its message come back as an event. */
  wantsAck: boolean;
}

export interface MessageEdit extends Omit<EditedMessage, 'chatId'> {
  type: 'message.edit';
  id: string | undefined;
}

/** A change of a message that needs nothing but its id. */
export interface MessageChange {
  type: 'message.delete' | 'pin' | 'unpin';
  id: string | undefined;
  messageId: string;
}

export interface MessageReaction {
  type: 'reaction.add' | 'reaction.remove';
  id: string | undefined;
  messageId: string;
  emoji: string;
}

/** Renews the socket's token in place. */
interface Auth {
  type: 'auth';
  id: string | undefined;
  token: string;
}

interface Ping {
  type: 'ping';
  id: string | undefined;
}

/** An invalid frame. It is answered with the error, and the socket stays open. */
interface Refused {
  type: 'refused';
  id: string | undefined;
  error: DomainError;
}

type JsonObject = Record<string, unknown>;

const MAX_ID_LENGTH = 128;

/** Returns undefined for a text that is not a JSON object. Ignores unknown members. */
export function parseFrame(text: string): ClientFrame | undefined {
  const object = parseObject(text);
  if (!object) return undefined;
  const { id } = object;
  if (id !== undefined && (typeof id !== 'string' || id.length > MAX_ID_LENGTH))
    return refused(undefined, 'id', `id must be a string of at most ${MAX_ID_LENGTH} characters.`);
  // {"message":"hi"}: https://channels.readthedocs.io/en/stable/tutorial/part_2.html
  if (object.type === undefined && 'message' in object) return messageSend(id, object, 'message', false);
  const parse = typeof object.type === 'string' ? FRAMES.get(object.type) : undefined;
  return parse ? parse(id, object) : refused(id, 'type', `type must be one of ${[...FRAMES.keys()].join(', ')}.`);
}

/** Reads the other members of a frame. */
type FrameParser = (id: string | undefined, object: JsonObject) => ClientFrame;

/** The client's frames by their types. */
const FRAMES: ReadonlyMap<string, FrameParser> = new Map<string, FrameParser>([
  ['message.send', (id, object) => messageSend(id, object, 'content', true)],
  ['message.edit', messageEdit],
  ['message.delete', messageChange('message.delete')],
  ['pin', messageChange('pin')],
  ['unpin', messageChange('unpin')],
  ['reaction.add', messageReaction('reaction.add')],
  ['reaction.remove', messageReaction('reaction.remove')],
  ['auth', auth],
  ['ping', (id) => ({ type: 'ping', id })],
]);

function auth(id: string | undefined, { token }: JsonObject): Auth | Refused {
  return typeof token === 'string' ? { type: 'auth', id, token } : refused(id, 'token', 'token must be a string.');
}

function messageSend(
  id: string | undefined,
  object: JsonObject,
  field: 'content' | 'message',
  wantsAck: boolean,
): MessageSend | Refused {
  const content = object[field];
  const nonce = object.nonce ?? undefined;
  if (typeof content !== 'string') return refused(id, field, `${field} must be a string.`);
  if (nonce !== undefined && typeof nonce !== 'string') return refused(id, 'nonce', 'nonce must be a string.');
  const extras = sendExtras(object);
  if (typeof extras === 'string') return refused(id, extras, `${extras} must be ${RULES[extras]}.`);
  return { type: 'message.send', id, content, nonce, extras, wantsAck };
}

/** Null for `mentions` or `metadata` takes them away, as an absent one does not. */
function messageEdit(id: string | undefined, object: JsonObject): MessageEdit | Refused {
  const { messageId, content, revision, mentions, metadata } = object;
  if (typeof messageId !== 'string') return refused(id, 'messageId', 'messageId must be a string.');
  if (typeof content !== 'string') return refused(id, 'content', 'content must be a string.');
  if (revision !== undefined && revision !== null && typeof revision !== 'number')
    return refused(id, 'revision', 'revision must be a number.');
  if (mentions !== undefined && mentions !== null && !isStrings(mentions))
    return refused(id, 'mentions', 'mentions must be a list of strings.');
  return { type: 'message.edit', id, messageId, content, revision, mentions, metadata };
}

function messageChange(type: MessageChange['type']): FrameParser {
  return (id, { messageId }) =>
    typeof messageId === 'string' ? { type, id, messageId } : refused(id, 'messageId', 'messageId must be a string.');
}

function messageReaction(type: MessageReaction['type']): FrameParser {
  return (id, { messageId, emoji }) => {
    if (typeof messageId !== 'string') return refused(id, 'messageId', 'messageId must be a string.');
    if (typeof emoji !== 'string') return refused(id, 'emoji', 'emoji must be a string.');
    return { type, id, messageId, emoji };
  };
}

/** What each member of a `message.send` frame must be. The rules of `metadata` are the domain's. */
const RULES = {
  replyTo: 'a string',
  thread: 'a string',
  alsoInChat: 'true or false',
  mentions: 'a list of strings',
  mentionAll: 'true or false',
};

/** The name of a member of another type than it must be, or all of them. Null is the same as none. */
function sendExtras(object: JsonObject): SendExtras | keyof typeof RULES {
  const { replyTo, thread, alsoInChat, mentions, mentionAll, metadata } = object;
  if (!isOptional(replyTo, isString)) return 'replyTo';
  if (!isOptional(thread, isString)) return 'thread';
  if (!isOptional(alsoInChat, isBoolean)) return 'alsoInChat';
  if (!isOptional(mentions, isStrings)) return 'mentions';
  if (!isOptional(mentionAll, isBoolean)) return 'mentionAll';
  return { replyTo, thread, alsoInChat, mentions, mentionAll, metadata };
}

function isOptional<Value>(value: unknown, is: (value: unknown) => value is Value): value is Value | null | undefined {
  return value === undefined || value === null || is(value);
}

const isString = (value: unknown) => typeof value === 'string';
const isBoolean = (value: unknown) => typeof value === 'boolean';
const isStrings = (value: unknown): value is string[] => Array.isArray(value) && value.every(isString);

function refused(id: string | undefined, field: string, message: string): Refused {
  return { type: 'refused', id, error: badInput(field, message) };
}

function parseObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
