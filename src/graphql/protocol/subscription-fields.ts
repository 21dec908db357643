import {
  type GraphQLFieldResolver,
  GraphQLObjectType,
  type GraphQLResolveInfo,
  GraphQLSchema,
  isObjectType,
  locatedError,
  responsePathAsArray,
} from 'graphql';
import type { GraphqlConnection } from './connection.js';
import { noEvents, OperationStream } from './operation-stream.js';
import type { Operation } from './operations.js';

/** The operation that a resolver's context belongs to. */
export type OperationOf = (context: unknown) => { connection: GraphqlConnection; operation: Operation | undefined };

/**
 * Returns a function that maps each event to its execution result as JSON; undefined to let Mercurius execute. `ended` aborts when the
 * operation ends.
 */
export type ShareResults<Event> = (
  info: GraphQLResolveInfo,
  connection: GraphqlConnection,
  ended: AbortSignal,
) => ((event: Event) => string | Promise<string>) | undefined;

type Subscribe = GraphQLFieldResolver<unknown, unknown>;

/**
 * Returns the schema with subscriptions that end with their operation and report their errors through its connection. Mercurius
 * itself would leave a stream running that the client completed during its setup, and would send a source's errors unformatted.
 */
export function bindSubscriptions<Event>(
  schema: GraphQLSchema,
  operationOf: OperationOf,
  share: ShareResults<Event>,
): GraphQLSchema {
  const type = schema.getSubscriptionType();
  if (!type) return schema;
  const { fields, ...config } = type.toConfig();
  for (const field of Object.values(fields)) {
    if (field.subscribe) field.subscribe = bind(field.subscribe, operationOf, share);
  }
  const { types, ...schemaConfig } = schema.toConfig();
  return new GraphQLSchema({
    ...schemaConfig,
    subscription: new GraphQLObjectType({ ...config, fields }),
    types: types.filter((other) => !(isObjectType(other) && other === type)),
  });
}

function bind<Event>(subscribe: Subscribe, operationOf: OperationOf, share: ShareResults<Event>): Subscribe {
  return async (parent, args, context, info) => {
    const { connection, operation } = operationOf(context);
    if (!operation) return noEvents();
    const fail = (error: unknown) => connection.fail(operation, [locate(error, info)]);
    try {
      const source: unknown = await subscribe(parent, args, context, info);
      if (!isAsyncIterable<Event>(source)) throw new TypeError(`${info.fieldName} returned no async iterable.`);
      connection.subscriptionStarted(operation);
      const stream = new OperationStream(source, operation, fail);
      const resultOf = share(info, connection, operation.signal);
      return resultOf ? sendResults(stream, resultOf, (result) => connection.sendNext(operation, result)) : stream;
    } catch (error) {
      fail(error);
      return noEvents();
    }
  };
}

/**
 * Sends the results directly. The iterator that Mercurius gets yields no event and ends with the stream, so that Mercurius has
 * nothing to execute but still completes the operation.
 */
function sendResults<Event>(
  stream: OperationStream<Event>,
  resultOf: (event: Event) => string | Promise<string>,
  send: (result: string) => Promise<void> | undefined,
): AsyncIterableIterator<never, undefined> {
  const sendAll = async (): Promise<IteratorResult<never, undefined>> => {
    await stream.pushTo((event) => {
      const result = resultOf(event);
      return typeof result === 'string' ? send(result) : result.then(send);
    });
    return { done: true, value: undefined };
  };
  let sending: ReturnType<typeof sendAll> | undefined;
  return {
    next() {
      sending ??= sendAll();
      return sending;
    },
    async return() {
      await stream.return();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

function locate(error: unknown, info: GraphQLResolveInfo) {
  return locatedError(error, info.fieldNodes, responsePathAsArray(info.path));
}

function isAsyncIterable<Event>(value: unknown): value is AsyncIterable<Event> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}
