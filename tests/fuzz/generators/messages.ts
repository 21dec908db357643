import fc from 'fast-check';
import { operation, subscription } from './documents.js';
import { anyToken, content, goodToken } from './people.js';
import { oddJson, oddText, oddValue } from './texts.js';

const id = fc.oneof(
  { arbitrary: fc.constantFrom('1', '2', '3', 'c1'), weight: 8 },
  { arbitrary: fc.oneof(oddText, oddValue), weight: 1 },
);

/** Left out where it is undefined, as JSON does. */
const sometimes = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined, freq: 2 });

/** What is said on the raw channel. */
export const rawMessage: fc.Arbitrary<string> = fc.oneof(
  {
    arbitrary: fc
      .record({
        type: fc.constant('message.send'),
        id: sometimes(id),
        content: fc.oneof({ arbitrary: content, weight: 8 }, { arbitrary: oddValue, weight: 1 }),
        nonce: sometimes(fc.oneof(fc.constantFrom('n1', 'n2', '', 'x'.repeat(129), '\0'), oddValue)),
      })
      .map((frame) => JSON.stringify(frame)),
    weight: 6,
  },
  { arbitrary: content.map((message) => JSON.stringify({ message })), weight: 2 },
  { arbitrary: sometimes(id).map((given) => JSON.stringify({ type: 'ping', id: given })), weight: 2 },
  {
    arbitrary: fc
      .tuple(sometimes(id), fc.oneof(anyToken, oddValue))
      .map(([given, token]) => JSON.stringify({ type: 'auth', id: given, token })),
    weight: 2,
  },
  {
    arbitrary: fc.record({ type: oddValue, id, message: sometimes(oddValue) }).map((frame) => JSON.stringify(frame)),
    weight: 1,
  },
  { arbitrary: oddJson, weight: 1 },
);

export const connectionInit: fc.Arbitrary<string> = fc
  .oneof(
    { arbitrary: goodToken.map((token): unknown => ({ authorization: `Bearer ${token}` })), weight: 8 },
    { arbitrary: anyToken.map((token): unknown => ({ Authorization: `Bearer ${token}` })), weight: 1 },
    {
      arbitrary: fc.constantFrom<unknown>(undefined, null, {}, { authorization: 1 }, { authorization: 'Basic x' }, []),
      weight: 1,
    },
    { arbitrary: oddValue, weight: 1 },
  )
  .map((payload) => JSON.stringify({ type: 'connection_init', payload }));

/** What is said on a graphql-transport-ws socket after `connection_init`. */
export const graphqlMessage: fc.Arbitrary<string> = fc.oneof(
  {
    arbitrary: fc
      .tuple(id, fc.oneof({ arbitrary: operation, weight: 3 }, { arbitrary: subscription, weight: 2 }))
      .map(([given, payload]) => JSON.stringify({ id: given, type: 'subscribe', payload })),
    weight: 10,
  },
  { arbitrary: id.map((given) => JSON.stringify({ id: given, type: 'complete' })), weight: 3 },
  {
    arbitrary: fc
      .tuple(fc.constantFrom('ping', 'pong'), sometimes(oddValue))
      .map(([type, payload]) => JSON.stringify({ type, payload })),
    weight: 2,
  },
  { arbitrary: connectionInit, weight: 1 },
  {
    arbitrary: fc.record({ type: oddValue, id, payload: oddValue }).map((message) => JSON.stringify(message)),
    weight: 1,
  },
  { arbitrary: oddJson, weight: 1 },
);
