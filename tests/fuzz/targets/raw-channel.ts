import fc from 'fast-check';
import { type SocketStep, socketSteps } from '../generators/frames.js';
import { type Header, moreHeaders } from '../generators/http-requests.js';
import { rawMessage } from '../generators/messages.js';
import { anyCursor, anyToken, CHATS, goodToken, placeholder } from '../generators/people.js';
import { oddText } from '../generators/texts.js';
import { isObject, jsonObject, type Oracle } from '../oracle.js';
import { ERROR_CODES } from '../rules.js';
import { Violation } from '../violation.js';
import { type Conversation, converse, type Dialect } from './converse.js';
import type { Target } from './target.js';

const chatName = fc.oneof(
  { arbitrary: fc.constantFrom(...CHATS), weight: 20 },
  { arbitrary: fc.constantFrom('%zz', '%00', '', 'a/b', '..', '%2e%2e', '%ff'), weight: 1 },
  { arbitrary: oddText.map((text) => encodeURIComponent(text.toWellFormed()).slice(0, 3000)), weight: 1 },
);

const parameters = fc.oneof(
  { arbitrary: fc.constant(''), weight: 4 },
  { arbitrary: anyCursor.map((cursor) => `?after=${cursor.replaceAll(' ', '%20')}`), weight: 4 },
  {
    arbitrary: fc.constantFrom(
      '?',
      '?after=a:1&after=a:2',
      '?after=%zz',
      `?ticket=${placeholder('ticket', 'member')}`,
      `?token=${placeholder('token', 'member')}`,
      '?ticket=',
      '?token=x&token=y',
    ),
    weight: 1,
  },
);

const credentials: fc.Arbitrary<readonly Header[]> = fc.oneof(
  { arbitrary: goodToken.map((token): Header[] => [['Authorization', `Bearer ${token}`]]), weight: 8 },
  {
    arbitrary: goodToken.map((token): Header[] => [['Sec-WebSocket-Protocol', `chat.v1, bearer.${token}`]]),
    weight: 3,
  },
  { arbitrary: anyToken.map((token): Header[] => [['Authorization', `Bearer ${token}`]]), weight: 1 },
  {
    arbitrary: fc.constantFrom<Header[]>(
      [],
      [['Sec-WebSocket-Protocol', 'chat.v2']],
      [['Sec-WebSocket-Protocol', 'bearer.']],
      [['Sec-WebSocket-Protocol', ',,;"']],
      [['Sec-WebSocket-Version', '12']],
      [['Sec-WebSocket-Key', 'short']],
      [['Sec-WebSocket-Extensions', 'permessage-deflate; client_max_window_bits=x']],
      [['Authorization', 'Basic x']],
    ),
    weight: 1,
  },
);

const inputs: fc.Arbitrary<Conversation> = fc
  .record({ name: chatName, query: parameters, credentials, more: moreHeaders, steps: socketSteps(rawMessage) })
  .map(({ name, query, credentials, more, steps }) => ({
    path: `/ws/chat/${name}/${query}`,
    headers: [...credentials, ...more],
    steps: steps as readonly SocketStep[],
  }));

const TYPES = [
  'hello',
  'message.created',
  'member.added',
  'member.removed',
  'live',
  'ack',
  'error',
  'reset',
  'closing',
  'pong',
  'token.expiring',
];
/** Beside those of the WebSocket protocol: docs/raw-channel.md. */
const CLOSE_CODES = [1000, 1001, 1002, 1003, 1005, 1007, 1009, 4400, 4403, 4410];
const END = 'the end';

function dialect(oracle: Oracle): Dialect {
  return {
    farewell: JSON.stringify({ type: 'ping', id: END }),
    isComplete: (said, heard) => {
      const answers = heard.map(jsonObject).filter(({ type }) => type === 'ack' || type === 'error' || type === 'pong');
      const answered = answers.map(({ id }) => id);
      return [...said.flatMap(idOfSend), END].every((id) => answered.includes(id));
    },
    check(text) {
      const { type, code } = jsonObject(text);
      if (!TYPES.includes(String(type))) throw new Violation(`A frame of the type ${type} is not documented.`);
      if (type === 'error') oracle.errorCode(code, ERROR_CODES);
    },
    closeCodes: CLOSE_CODES,
  };
}

/** The id of a text that has to be answered under it. */
function idOfSend(text: string): string[] {
  try {
    const value: unknown = JSON.parse(text);
    if (!isObject(value) || typeof value.id !== 'string' || value.id.length > 128) return [];
    return value.type === 'message.send' ? [value.id] : [];
  } catch {
    return [];
  }
}

export const rawChannel: Target<Conversation> = {
  name: 'raw channel',
  weight: 10,
  inputs,
  send: (conversation, scene) => converse(conversation, dialect(scene.oracle), scene),
};
