import type { ClientContext } from './context.js';
import { MESSAGE, VIEWER } from './documents.js';

/** The types of the arguments of mutations, by their names. */
const TYPES: Readonly<Record<string, string>> = {
  chatId: 'ID!',
  messageId: 'ID!',
  content: 'String!',
  nonce: 'String!',
  replyTo: 'ID',
  thread: 'ID',
  alsoInChat: 'Boolean',
  mentions: '[ID!]',
  mentionAll: 'Boolean',
  metadata: 'JSON',
  revision: 'Int',
  emoji: 'String!',
  seq: 'Int!',
  fromSeq: 'Int!',
  notify: 'Notify',
  hidden: 'Boolean',
};

/** What a mutation returns, with the fragment that reads it. */
const RESULTS = { message: `{...Message}}${MESSAGE}`, viewer: `{...Viewer}}${VIEWER}`, done: '}' };

/** A mutation with these arguments. */
export function mutation(name: string, args: readonly string[], result: keyof typeof RESULTS): string {
  const all = (text: (name: string) => string) => args.map(text).join();
  return `mutation(${all((arg) => `$${arg}:${TYPES[arg]}`)}){${result}:${name}(${all((arg) => `${arg}:$${arg}`)})${RESULTS[result]}`;
}

/** Runs a mutation of a chat with the arguments that are given. @throws ChatError */
export function mutate<Data>(
  { request }: ClientContext,
  chatId: string,
  name: string,
  args: object,
  result: keyof typeof RESULTS,
): Promise<Data> {
  const variables = { chatId, ...args };
  const given = Object.entries(variables).filter(([, value]) => value !== undefined);
  const names = given.map(([arg]) => arg);
  return request<Data>(mutation(name, names, result), variables);
}
