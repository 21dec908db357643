import SchemaBuilder, { BasePlugin, type PothosOutputFieldConfig, type SchemaTypes } from '@pothos/core';
import type { GraphQLFieldResolver } from 'graphql';
import { chatNotFound } from '../../domain/errors.js';
import { reaches, tokenNarrowed, type Viewer } from '../../domain/viewer.js';
import type { Caller } from '../caller.js';

const pluginName = 'narrowedTokens' as const;

declare global {
  export namespace PothosSchemaTypes {
    export interface Plugins<Types extends SchemaTypes> {
      narrowedTokens: NarrowedTokensPlugin<Types>;
    }
  }
}

/** What a token that is narrowed to chats may ask for without naming one: this looks at the token's chats alone, or at none. */
const WITHOUT_CHAT = new Set([
  ...['Query.me', 'Query.user', 'Query.presence'],
  ...['Query.chats', 'Query.chat', 'Query.message', 'Query.mentions', 'Query.inbox'],
  ...['Mutation.markAllRead', 'Mutation.setPresence', 'Mutation.createSocketTicket', 'Mutation.reauthenticate'],
  ...['Subscription.inbox', 'Subscription.presence'],
]);

type Resolver<Types extends SchemaTypes> = GraphQLFieldResolver<unknown, Types['Context'], object>;

/**
 * Refuses everything to a token that is narrowed to chats, but what is of one of its chats and what `WITHOUT_CHAT` has. So a new operation
 * is refused until somebody decides. The argument that names the chat is `chatId`, or `id` where the extension `chatArgument` says so. The domain has the same rule (`requireUser`, `requireUserIn`).
 */
class NarrowedTokensPlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override wrapResolve(resolve: Resolver<Types>, field: PothosOutputFieldConfig<Types>): Resolver<Types> {
    return field.kind === 'Query' || field.kind === 'Mutation' ? guarded(resolve, field) : resolve;
  }

  override wrapSubscribe(
    subscribe: Resolver<Types> | undefined,
    field: PothosOutputFieldConfig<Types>,
  ): Resolver<Types> | undefined {
    return subscribe && guarded(subscribe, field);
  }
}

function guarded<Types extends SchemaTypes>(
  resolve: Resolver<Types>,
  { name, parentType, extensions }: PothosOutputFieldConfig<Types>,
): Resolver<Types> {
  const argument = extensions?.chatArgument === 'id' ? 'id' : 'chatId';
  if (WITHOUT_CHAT.has(`${parentType}.${name}`)) return resolve;
  return (parent, args, context, info) => {
    const viewer = viewerOf(context);
    if (viewer?.chats) requireChat(viewer, new Map(Object.entries(args)).get(argument));
    return resolve(parent, args, context, info);
  };
}

function viewerOf({ caller }: { caller?: Caller }): Viewer | null | undefined {
  return caller?.viewer;
}

/** @throws DomainError `FORBIDDEN`, rule `token.narrowed`, for what names no chat; `NOT_FOUND` for another chat */
function requireChat(viewer: Viewer, chatId: unknown): void {
  if (typeof chatId !== 'string') throw tokenNarrowed();
  if (!reaches(viewer, chatId)) throw chatNotFound();
}

SchemaBuilder.registerPlugin(pluginName, NarrowedTokensPlugin);

export default pluginName;
