/**
 * Messages of graphql-transport-ws, parsed from frames.
 * https://github.com/graphql/graphql-over-http/blob/main/rfcs/GraphQLOverWebSocket.md
 */
export const SUBPROTOCOL = 'graphql-transport-ws';

export type JsonObject = Record<string, unknown>;

/** The payload of `subscribe`: one operation to run. */
export interface OperationRequest {
  query: string;
  operationName?: string;
  variables?: JsonObject;
}

export type ClientMessage =
  | { type: 'connection_init' | 'ping' | 'pong'; payload?: JsonObject }
  | { type: 'subscribe'; id: string; payload: OperationRequest }
  | { type: 'complete'; id: string };

/** Undefined for a frame that is no message of the protocol. Members that the protocol does not name are left out. */
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

/** No message of the protocol needs as many; a text of far more parses well and overflows the stack when it is written again. */
const MAX_NESTING = 200;

function parseObject(text: string): JsonObject | undefined {
  if (isNestedTooDeeply(text)) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isNestedTooDeeply(text: string): boolean {
  // So many brackets have to be opened and closed.
  if (text.length <= 2 * MAX_NESTING) return false;
  let depth = 0;
  let isInText = false;
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index];
    if (character === '"') isInText = !isInText;
    else if (isInText) index += character === '\\' ? 1 : 0;
    else if (character === '{' || character === '[') depth += 1;
    else if (character === '}' || character === ']') depth -= 1;
    if (depth > MAX_NESTING) return true;
  }
  return false;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isId(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
