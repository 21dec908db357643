import { EventEmitter, on, once } from 'node:events';
import { buildSchema, type GraphQLSchema } from 'graphql';
import { DomainError } from '../../../src/domain/errors.js';
import type { SocketConnection } from '../../../src/graphql/protocol/connection.js';

/** What the toy's resolvers did, and the levers by which a test lets them go on. */
export class Toy {
  readonly levers = new EventEmitter().setMaxListeners(0);
  /** Texts of the mutation `note`. */
  readonly notes: string[] = [];
  openStreams = 0;

  pull(lever: string, value?: number): void {
    this.levers.emit(lever, value);
  }

  /** The values of each pull of a lever. Closes at once, also while a `next` waits. */
  stream(lever: string): AsyncIterableIterator<number> {
    const pulls = on(this.levers, lever);
    let isOpen = true;
    this.openStreams += 1;
    this.levers.emit('opened');
    return {
      next: async () => {
        const { done, value } = await pulls.next();
        return done ? { done: true, value: undefined } : { done: false, value: value[0] };
      },
      return: async () => {
        if (isOpen) {
          isOpen = false;
          this.openStreams -= 1;
          await pulls.return?.();
          this.levers.emit('closed');
        }
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }
}

export interface ToyContext {
  toy: Toy;
  connection: SocketConnection;
}

interface ToyArguments {
  name: string;
  lever: string;
  text: string;
  token: string;
  to: number;
}

type Resolver = (args: ToyArguments, context: ToyContext) => unknown;

const SDL = `
  type Query {
    hello(name: String!): String!
    viewer: String!
    "Answers when the lever is pulled."
    slow(lever: String!): Int
    refuses: String
    fails: String
    nested: Query
  }
  type Mutation {
    note(text: String!): Int!
    reauthenticate(token: String!): Boolean!
  }
  type Subscription {
    count(to: Int!): Int!
    pulls(lever: String!): Int!
    "Opens its stream when the lever is pulled."
    late(lever: String!): Int!
    viewers: String!
    refused: Int!
    broken: Int!
    breaks: Int!
  }`;

const RESOLVERS: Record<string, Record<string, Resolver>> = {
  Query: {
    hello: ({ name }) => `Hello, ${name}`,
    viewer: (_, { connection }) => connection.viewer.user?.username,
    slow: async ({ lever }, { toy }) => {
      toy.pull('waiting');
      return (await once(toy.levers, lever))[0];
    },
    refuses: () => {
      throw new DomainError('NOT_FOUND', 'There is no such thing.');
    },
    fails: () => {
      throw new Error('the password is swordfish');
    },
    nested: () => ({}),
  },
  Mutation: {
    note: ({ text }, { toy }) => toy.notes.push(text),
    reauthenticate: async ({ token }, { connection }) => {
      await connection.reauthenticate(token);
      return true;
    },
  },
  Subscription: {
    count: async function* ({ to }) {
      for (let value = 1; value <= to; value += 1) yield value;
    },
    pulls: ({ lever }, { toy }) => toy.stream(lever),
    late: async ({ lever }, { toy }) => {
      toy.pull('waiting');
      await once(toy.levers, lever);
      return toy.stream('after');
    },
    viewers: (_, { connection, toy }) => {
      connection.onViewerChange(() => toy.pull('viewer changed'));
      return toy.stream('viewer changed');
    },
    refused: () => {
      throw new DomainError('NOT_FOUND', 'There is no such chat.');
    },
    broken: () => {
      throw new Error('the password is swordfish');
    },
    breaks: async function* () {
      yield 1;
      throw new Error('the password is swordfish');
    },
  },
};

export function toySchema(): GraphQLSchema {
  const schema = buildSchema(SDL);
  for (const [typeName, resolvers] of Object.entries(RESOLVERS)) {
    const type = schema.getType(typeName);
    const fields = type && 'getFields' in type ? type.getFields() : {};
    for (const [name, resolve] of Object.entries(resolvers)) {
      const field = fields[name];
      if (!field || !('resolve' in field)) throw new Error(`There is no field ${typeName}.${name}.`);
      if (typeName === 'Subscription') {
        field.subscribe = (_source, args, context: ToyContext) => resolve(args, context);
        field.resolve = (event, _args, { connection }: ToyContext) =>
          name === 'viewers' ? connection.viewer.user?.firstName : event;
      } else field.resolve = (_source, args, context: ToyContext) => resolve(args, context);
    }
  }
  return schema;
}
