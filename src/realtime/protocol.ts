import { badInput, type DomainError } from '../domain/errors.js';
import type { MessageEdit as EditedMessage } from '../domain/messages/message-changes.js';
import type { SendExtras } from '../domain/messages/send-extras.js';
import { MAX_PRESENCES } from '../domain/presence.js';

/** What every frame of a client has. */
interface FrameHead {
  /** Chosen by the client; the answer repeats it. */
  id: string | undefined;
  /** The chat that the frame is about. Only a socket of the inbox needs it: on a chat's own channel it is ignored. */
  chatId: string | undefined;
}

/** A client's frame. */
export type ClientFrame = ChatFrame | AskPresence | AskSignals | Auth | Ping | Refused;

/** A frame that is about a chat. */
export type ChatFrame = MessageSend | MessageEdit | MessageChange | MessageReaction | Read | TellTyping;

export interface MessageSend extends FrameHead {
  type: 'message.send';
  content: string;
  nonce: string | undefined;
  extras: SendExtras;
  /** False for a Django Channels client, which does not know `ack`: it sees its message come back as an event. */
  wantsAck: boolean;
}

export interface MessageEdit extends FrameHead, Omit<EditedMessage, 'chatId'> {
  type: 'message.edit';
}

/** A change of a message that needs nothing but its id. */
export interface MessageChange extends FrameHead {
  type: 'message.delete' | 'pin' | 'unpin';
  messageId: string;
}

export interface MessageReaction extends FrameHead {
  type: 'reaction.add' | 'reaction.remove';
  messageId: string;
  emoji: string;
}

/** The user is writing, in a thread if it is given. */
interface TellTyping extends FrameHead {
  type: 'typing';
  thread: string | null | undefined;
}

/** Asks for the presence of these users, now and from now on. */
interface AskPresence extends FrameHead {
  type: 'presence';
  users: readonly string[];
}

/** Asks an inbox for the signals of these chats, in place of those before. */
export interface AskSignals extends FrameHead {
  type: 'signals';
  chats: readonly string[];
}

/** Moves the user's read marker of the chat, or of a thread in it, forward. */
export interface Read extends FrameHead {
  type: 'read';
  seq: number;
  thread: string | null | undefined;
}

/** Renews the socket's token in place. */
interface Auth extends FrameHead {
  type: 'auth';
  token: string;
}

interface Ping extends FrameHead {
  type: 'ping';
}

/** An invalid frame. It is answered with the error, and the socket stays open. */
interface Refused extends FrameHead {
  type: 'refused';
  error: DomainError;
}

type JsonObject = Record<string, unknown>;

const MAX_ID_LENGTH = 128;

/** Returns undefined for a text that is not a JSON object. Ignores unknown members. */
export function parseFrame(text: string): ClientFrame | undefined {
  const object = parseObject(text);
  if (!object) return undefined;
  const { id } = object;
  const chatId = typeof object.chatId === 'string' ? object.chatId : undefined;
  if (id !== undefined && (typeof id !== 'string' || id.length > MAX_ID_LENGTH))
    return refused({ id: undefined, chatId }, 'id', `id must be a string of at most ${MAX_ID_LENGTH} characters.`);
  const head = { id, chatId };
  // {"message":"hi"}: https://channels.readthedocs.io/en/stable/tutorial/part_2.html
  if (object.type === undefined && 'message' in object) return messageSend(head, object, 'message', false);
  const parse = typeof object.type === 'string' ? FRAMES.get(object.type) : undefined;
  return parse ? parse(head, object) : refused(head, 'type', `type must be one of ${[...FRAMES.keys()].join(', ')}.`);
}

/** Reads the other members of a frame. */
type FrameParser = (head: FrameHead, object: JsonObject) => ClientFrame;

/** The client's frames by their types. */
const FRAMES: ReadonlyMap<string, FrameParser> = new Map<string, FrameParser>([
  ['message.send', (head, object) => messageSend(head, object, 'content', true)],
  ['message.edit', messageEdit],
  ['message.delete', messageChange('message.delete')],
  ['pin', messageChange('pin')],
  ['unpin', messageChange('unpin')],
  ['reaction.add', messageReaction('reaction.add')],
  ['reaction.remove', messageReaction('reaction.remove')],
  ['typing', typing],
  ['presence', presence],
  ['signals', signals],
  ['read', read],
  ['auth', auth],
  ['ping', (head) => ({ type: 'ping', ...head })],
]);

function typing(head: FrameHead, { thread }: JsonObject): TellTyping | Refused {
  if (!isOptional(thread, isString)) return refused(head, 'thread', 'thread must be a string.');
  return { type: 'typing', ...head, thread };
}

function presence(head: FrameHead, { users }: JsonObject): AskPresence | Refused {
  if (isStrings(users) && users.length <= MAX_PRESENCES) return { type: 'presence', ...head, users };
  return refused(head, 'users', `users must be a list of at most ${MAX_PRESENCES} strings.`);
}

function signals(head: FrameHead, { chats }: JsonObject): AskSignals | Refused {
  return isStrings(chats)
    ? { type: 'signals', ...head, chats }
    : refused(head, 'chats', 'chats must be a list of strings.');
}

function auth(head: FrameHead, { token }: JsonObject): Auth | Refused {
  return typeof token === 'string'
    ? { type: 'auth', ...head, token }
    : refused(head, 'token', 'token must be a string.');
}

function messageSend(
  head: FrameHead,
  object: JsonObject,
  field: 'content' | 'message',
  wantsAck: boolean,
): MessageSend | Refused {
  const content = object[field];
  const nonce = object.nonce ?? undefined;
  if (typeof content !== 'string') return refused(head, field, `${field} must be a string.`);
  if (nonce !== undefined && typeof nonce !== 'string') return refused(head, 'nonce', 'nonce must be a string.');
  const extras = sendExtras(object);
  if (typeof extras === 'string') return refused(head, extras, `${extras} must be ${RULES[extras]}.`);
  return { type: 'message.send', ...head, content, nonce, extras, wantsAck };
}

/** Null for `mentions` or `metadata` takes them away, as an absent one does not. */
function messageEdit(head: FrameHead, object: JsonObject): MessageEdit | Refused {
  const { messageId, content, revision, mentions, metadata } = object;
  if (typeof messageId !== 'string') return refused(head, 'messageId', 'messageId must be a string.');
  if (typeof content !== 'string') return refused(head, 'content', 'content must be a string.');
  if (revision !== undefined && revision !== null && typeof revision !== 'number')
    return refused(head, 'revision', 'revision must be a number.');
  if (mentions !== undefined && mentions !== null && !isStrings(mentions))
    return refused(head, 'mentions', 'mentions must be a list of strings.');
  return { type: 'message.edit', ...head, messageId, content, revision, mentions, metadata };
}

function messageChange(type: MessageChange['type']): FrameParser {
  return (head, { messageId }) =>
    typeof messageId === 'string'
      ? { type, ...head, messageId }
      : refused(head, 'messageId', 'messageId must be a string.');
}

function messageReaction(type: MessageReaction['type']): FrameParser {
  return (head, { messageId, emoji }) => {
    if (typeof messageId !== 'string') return refused(head, 'messageId', 'messageId must be a string.');
    if (typeof emoji !== 'string') return refused(head, 'emoji', 'emoji must be a string.');
    return { type, ...head, messageId, emoji };
  };
}

function read(head: FrameHead, { seq, thread }: JsonObject): Read | Refused {
  if (typeof seq !== 'number') return refused(head, 'seq', 'seq must be a number.');
  if (!isOptional(thread, isString)) return refused(head, 'thread', 'thread must be a string.');
  return { type: 'read', ...head, seq, thread };
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

function refused(head: FrameHead, field: string, message: string): Refused {
  return { type: 'refused', ...head, error: badInput(field, message) };
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
