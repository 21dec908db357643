import SchemaBuilder, { BasePlugin, type PothosOutputFieldConfig, type SchemaTypes } from '@pothos/core';
import type { GraphQLFieldResolver } from 'graphql';
import { canonicalId } from '../../domain/text.js';

const pluginName = 'canonicalIds' as const;

declare global {
  export namespace PothosSchemaTypes {
    export interface Plugins<Types extends SchemaTypes> {
      canonicalIds: CanonicalIdsPlugin<Types>;
    }
  }
}

type Resolver<Types extends SchemaTypes> = GraphQLFieldResolver<unknown, Types['Context'], object>;

/**
 * Passes ids to resolvers as PostgreSQL writes them, however the client wrote them: loaders, caches and revocations compare ids as
 * text. Pothos does not allow a parser for `ID`.
 */
class CanonicalIdsPlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override wrapResolve(resolve: Resolver<Types>, field: PothosOutputFieldConfig<Types>): Resolver<Types> {
    return canonical(resolve, field);
  }

  override wrapSubscribe(
    subscribe: Resolver<Types> | undefined,
    field: PothosOutputFieldConfig<Types>,
  ): Resolver<Types> | undefined {
    return subscribe && canonical(subscribe, field);
  }
}

/** Returns the resolver itself for a field without an id among its arguments. */
function canonical<Types extends SchemaTypes>(
  resolve: Resolver<Types>,
  { args }: PothosOutputFieldConfig<Types>,
): Resolver<Types> {
  const names = Object.entries(args).flatMap(([name, { type }]) =>
    type.kind === 'Scalar' && type.ref === 'ID' ? [name] : [],
  );
  if (names.length === 0) return resolve;
  return (parent, given, context, info) => {
    const changed: Record<string, unknown> = { ...given };
    for (const name of names) {
      const id = changed[name];
      if (typeof id === 'string') changed[name] = canonicalId(id) ?? id;
    }
    return resolve(parent, changed, context, info);
  };
}

SchemaBuilder.registerPlugin(pluginName, CanonicalIdsPlugin);

export default pluginName;
