import { badInput, type DomainError } from '../domain/errors.js';

/** A client's frame. `id` is chosen by the client, and the answer repeats it. */
export type ClientFrame = MessageSend | Auth | Ping | Refused;

export interface MessageSend {
  type: 'message.send';
  id: string | undefined;
  content: string;
  nonce: string | undefined;
  /** False for a Django Channels client, which does not know `ack`: it sees its message come back as an event. */
  wantsAck: boolean;
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
  switch (object.type) {
    case 'message.send':
      return messageSend(id, object, 'content', true);
    case 'auth':
      if (typeof object.token !== 'string') return refused(id, 'token', 'token must be a string.');
      return { type: 'auth', id, token: object.token };
    case 'ping':
      return { type: 'ping', id };
    case undefined:
      // {"message":"hi"}: https://channels.readthedocs.io/en/stable/tutorial/part_2.html
      if ('message' in object) return messageSend(id, object, 'message', false);
      return refused(id, 'type', 'type is missing: message.send, auth or ping.');
    default:
      return refused(id, 'type', 'type must be message.send, auth or ping.');
  }
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
  return { type: 'message.send', id, content, nonce, wantsAck };
}

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
