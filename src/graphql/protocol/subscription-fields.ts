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

type Subscribe = GraphQLFieldResolver<unknown, unknown>;

/**
 * The same schema, with subscriptions that end when their operation does and that tell their errors through its connection.
 * Mercurius by itself leaves a stream running whose client completed it while it was being set up, and sends what a source throws as it is.
 */
export function bindSubscriptions(schema: GraphQLSchema, operationOf: OperationOf): GraphQLSchema {
  const type = schema.getSubscriptionType();
  if (!type) return schema;
  const { fields, ...config } = type.toConfig();
  for (const field of Object.values(fields)) {
    if (field.subscribe) field.subscribe = bind(field.subscribe, operationOf);
  }
  const { types, ...schemaConfig } = schema.toConfig();
  return new GraphQLSchema({
    ...schemaConfig,
    subscription: new GraphQLObjectType({ ...config, fields }),
    types: types.filter((other) => !(isObjectType(other) && other === type)),
  });
}

function bind(subscribe: Subscribe, operationOf: OperationOf): Subscribe {
  return async (parent, args, context, info) => {
    const { connection, operation } = operationOf(context);
    if (!operation) return noEvents();
    const fail = (error: unknown) => connection.fail(operation, [locate(error, info)]);
    try {
      const source: unknown = await subscribe(parent, args, context, info);
      if (!isAsyncIterable(source)) throw new TypeError(`${info.fieldName} returned no async iterable.`);
      return new OperationStream(source, operation, fail);
    } catch (error) {
      fail(error);
      return noEvents();
    }
  };
}

function locate(error: unknown, info: GraphQLResolveInfo) {
  return locatedError(error, info.fieldNodes, responsePathAsArray(info.path));
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}
