import type { ChatClient } from './client.js';

/** Who runs operations: a client. */
export type Runner = Pick<ChatClient, 'request'>;

/** A document with these variables, which are the arguments of its one field. */
export function documentOf(
  kind: 'query' | 'mutation',
  name: string,
  types: Readonly<Record<string, string>>,
  selection: string,
): string {
  const names = Object.keys(types);
  const declared = names.map((arg) => `$${arg}:${types[arg]}`);
  const passed = names.map((arg) => `${arg}:$${arg}`);
  return names.length > 0
    ? `${kind}(${declared}){result:${name}(${passed})${selection}}`
    : `${kind}{result:${name}${selection}}`;
}

/** Runs a document of `documentOf`. What is left out of the variables is as if it were not asked for. @throws ChatError */
export async function run<Result>(client: Runner, document: string, variables: object): Promise<Result> {
  return (await client.request<{ result: Result }>(document, variables)).result;
}
