import SchemaBuilder, { BasePlugin, type PothosOutputFieldConfig, type SchemaTypes } from '@pothos/core';
import type { GraphQLFieldResolver } from 'graphql';
import { tookTooLong } from '../../plugins/limits/deadline.js';
import { budgetOf } from '../documents/operation-budget.js';
import type { GraphqlContext } from './context.js';
import { forget } from './loaders.js';

const pluginName = 'freshReads' as const;

declare global {
  export namespace PothosSchemaTypes {
    export interface Plugins<Types extends SchemaTypes> {
      freshReads: FreshReadsPlugin<Types>;
    }
  }
}

/**
 * Clears the operation's caches before each field of a mutation and each event of a subscription, so that it sees what the one before
 * changed, and is authorised again. Each event gets a budget of its own. A mutation past its deadline or budget fails its
 * remaining fields.
 */
class FreshReadsPlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override wrapResolve(
    resolve: GraphQLFieldResolver<unknown, Types['Context'], object>,
    field: PothosOutputFieldConfig<Types>,
  ): GraphQLFieldResolver<unknown, Types['Context'], object> {
    if (field.kind !== 'Mutation' && field.kind !== 'Subscription') return resolve;
    return (parent, args, context, info) => {
      const budget = budgetOf(context);
      if (field.kind === 'Subscription') budget.beginEvent();
      else if (budget.refusal) throw budget.refusal;
      else if (performance.now() >= deadlineOf(context)) throw tookTooLong();
      forget(context);
      return resolve(parent, args, context, info);
    };
  }
}

function deadlineOf(context: Pick<GraphqlContext, 'deadline'>): number {
  return context.deadline ?? Number.POSITIVE_INFINITY;
}

SchemaBuilder.registerPlugin(pluginName, FreshReadsPlugin);

export default pluginName;
