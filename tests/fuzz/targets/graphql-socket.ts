import fc from 'fast-check';
import { getOperationAST, parse } from 'graphql';
import { type SocketStep, socketSteps } from '../generators/frames.js';
import { bearer, type Header, moreHeaders } from '../generators/http-requests.js';
import { connectionInit, graphqlMessage } from '../generators/messages.js';
import { isObject, jsonObject, type Oracle } from '../oracle.js';
import { checkErrors, checkExecution } from '../rules.js';
import { Violation } from '../violation.js';
import { type Conversation, converse, type Dialect } from './converse.js';
import type { Target } from './target.js';

const subprotocol: fc.Arbitrary<Header> = fc.oneof(
  { arbitrary: fc.constant<Header>(['Sec-WebSocket-Protocol', 'graphql-transport-ws']), weight: 20 },
  {
    arbitrary: fc.constantFrom<Header>(
      ['Sec-WebSocket-Protocol', 'graphql-ws'],
      ['Sec-WebSocket-Protocol', 'chat.v1, graphql-transport-ws'],
      ['Sec-WebSocket-Protocol', ''],
      ['Sec-WebSocket-Version', '7'],
      ['X-No', 'subprotocol'],
    ),
    weight: 1,
  },
);
const path = fc.oneof(
  { arbitrary: fc.constantFrom('/graphql/', '/graphql'), weight: 20 },
  { arbitrary: fc.constantFrom('/graphql/?query=x', '/graphql//', '/graphql/%zz', '/graphql/x', '/'), weight: 1 },
);
/** Most begin as the protocol wants it. */
const begin: fc.Arbitrary<readonly SocketStep[]> = fc.oneof(
  { arbitrary: connectionInit.map((text): SocketStep[] => [{ do: 'say', text }]), weight: 12 },
  { arbitrary: fc.constant([]), weight: 1 },
);

const inputs: fc.Arbitrary<Conversation> = fc
  .record({
    path,
    subprotocol,
    bearer: fc.option(bearer, { nil: [], freq: 2 }),
    more: moreHeaders,
    begin,
    steps: socketSteps(graphqlMessage),
  })
  .map(({ path, subprotocol, bearer, more, begin, steps }) => ({
    path,
    headers: [subprotocol, ...bearer, ...more],
    steps: [...begin, ...steps],
  }));

/** Beside those of the WebSocket protocol. 4408 needs ten seconds of silence. */
const CLOSE_CODES = [1000, 1001, 1002, 1003, 1005, 1007, 1009, 4400, 4401, 4403, 4406, 4409, 4429];
const END = 'the end';

function dialect(oracle: Oracle): Dialect {
  return {
    isAnswered: (text, heard) => messageOf(text)?.type !== 'connection_init' || heard.some(isOfType('connection_ack')),
    farewell: JSON.stringify({ type: 'ping', payload: { END } }),
    isComplete: (said, heard) => {
      const messages = heard.map(jsonObject);
      const ended = messages.filter(({ type }) => type === 'complete' || type === 'error').map(({ id }) => id);
      const isLast = ({ type, payload }: Record<string, unknown>) =>
        type === 'pong' && isObject(payload) && payload.END === END;
      return messages.some(isLast) && endingIds(said).every((id) => ended.includes(id));
    },
    check: (text) => checkMessage(jsonObject(text), oracle),
    closeCodes: CLOSE_CODES,
  };
}

function checkMessage({ type, payload }: Record<string, unknown>, oracle: Oracle): void {
  switch (type) {
    case 'connection_ack':
    case 'ping':
    case 'pong':
    case 'complete':
      return;
    case 'next':
      if (!isObject(payload)) throw new Violation('A next without a result.');
      checkExecution(payload, oracle);
      return;
    case 'error':
      checkErrors(payload, oracle);
      return;
    default:
      throw new Violation(`A message of the type ${type} is not documented.`);
  }
}

function isOfType(type: string) {
  return (text: string) => jsonObject(text).type === type;
}

function messageOf(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The ids of operations that end by themselves: of all but subscriptions, and but those that the client completes. */
function endingIds(said: readonly string[]): unknown[] {
  const messages = said.map(messageOf);
  const completed = messages.filter((message) => message?.type === 'complete').map((message) => message?.id);
  return messages
    .filter(
      (message) => message?.type === 'subscribe' && !completed.includes(message.id) && !isSubscription(message.payload),
    )
    .map((message) => message?.id);
}

function isSubscription(payload: unknown): boolean {
  if (!isObject(payload) || typeof payload.query !== 'string') return false;
  try {
    const { operationName: name } = payload;
    const operation = getOperationAST(parse(payload.query), typeof name === 'string' ? name : undefined);
    return operation?.operation === 'subscription';
  } catch {
    return false;
  }
}

export const graphqlSocket: Target<Conversation> = {
  name: 'graphql socket',
  weight: 10,
  inputs,
  send: (conversation, scene) => converse(conversation, dialect(scene.oracle), scene),
};
