import SchemaBuilder, { BasePlugin, type PothosOutputFieldConfig, type SchemaTypes } from '@pothos/core';
import type { GraphQLFieldResolver } from 'graphql';
import { tookTooLong } from '../plugins/limits/deadline.js';
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
 * The fields of a mutation run one after the other, and the events of a subscription share one context for its whole life:
 * each begins with nothing cached, so that it sees what the one before changed and is authorised anew. A mutation whose
 * client has been told that it took too long begins no further field.
 */
class FreshReadsPlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override wrapResolve(
    resolve: GraphQLFieldResolver<unknown, Types['Context'], object>,
    field: PothosOutputFieldConfig<Types>,
  ): GraphQLFieldResolver<unknown, Types['Context'], object> {
    if (field.kind !== 'Mutation' && field.kind !== 'Subscription') return resolve;
    return (parent, args, context, info) => {
      if (field.kind === 'Mutation' && performance.now() >= deadlineOf(context)) throw tookTooLong();
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
