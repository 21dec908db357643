import { isNestedTooDeeply } from '../../plugins/json-nesting.js';

export type JsonObject = Record<string, unknown>;

/** The payload of `subscribe`: one operation to run. */
export interface OperationRequest {
  query: string;
  operationName?: string;
  variables?: JsonObject;
}

/**
 * A message of a graphql-transport-ws client.
 * https://github.com/graphql/graphql-over-http/blob/main/rfcs/GraphQLOverWebSocket.md
 */
export type ClientMessage =
  | { type: 'connection_init' | 'ping' | 'pong'; payload?: JsonObject }
  | { type: 'subscribe'; id: string; payload: OperationRequest }
  | { type: 'complete'; id: string };

/** Parses a frame. Undefined when it is not a message of the protocol. Unknown members are dropped. */
export function parseMessage(text: string): ClientMessage | undefined {
  const message = parseObject(text);
  switch (message?.type) {
    case 'connection_init':
    case 'ping':
    case 'pong': {
      const { type, payload } = message;
      if (payload === undefined || payload === null) return { type };
      return isObject(payload) ? { type, payload } : undefined;
    }
    case 'subscribe': {
      const { type, id } = message;
      const payload = parseOperationRequest(message.payload);
      return isId(id) && payload ? { type, id, payload } : undefined;
    }
    case 'complete':
      return isId(message.id) ? { type: message.type, id: message.id } : undefined;
    default:
      return undefined;
  }
}

function parseOperationRequest(payload: unknown): OperationRequest | undefined {
  if (!isObject(payload)) return undefined;
  const { query, operationName = null, variables = null, extensions = null } = payload;
  if (typeof query !== 'string') return undefined;
  if (operationName !== null && typeof operationName !== 'string') return undefined;
  if (variables !== null && !isObject(variables)) return undefined;
  if (extensions !== null && !isObject(extensions)) return undefined;
  return { query, ...(operationName !== null && { operationName }), ...(variables !== null && { variables }) };
}

function parseObject(text: string): JsonObject | undefined {
  if (isNestedTooDeeply(text)) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** In UTF-16 code units, as on the raw channel. An id is stored while its operation runs, and sent with each event. */
const MAX_ID_LENGTH = 128;

function isId(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MAX_ID_LENGTH;
}
