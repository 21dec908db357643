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
 * Passes ids to resolvers as PostgreSQL writes them, however the client wrote them, lists of ids too: loaders, caches and revocations
 * compare ids as text. Pothos does not allow a parser for `ID`.
 */
class CanonicalIdsPlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override wrapResolve(resolve: Resolver<Types>, field: PothosOutputFieldConfig<Types>): Resolver<Types> {
    return canonical(resolve, this.idArguments(field));
  }

  override wrapSubscribe(
    subscribe: Resolver<Types> | undefined,
    field: PothosOutputFieldConfig<Types>,
  ): Resolver<Types> | undefined {
    return subscribe && canonical(subscribe, this.idArguments(field));
  }

  private idArguments({ args }: PothosOutputFieldConfig<Types>): string[] {
    const idType = this.builder.configStore.getInputTypeRef('ID');
    return Object.entries(args).flatMap(([name, { type }]) => {
      const item = type.kind === 'List' ? type.type : type;
      // A built-in scalar is named by its reference once the schema is built, and by its name before.
      return item.kind === 'Scalar' && (item.ref === 'ID' || item.ref === idType) ? [name] : [];
    });
  }
}

/** Returns the resolver itself for a field without an id among its arguments. */
function canonical<Types extends SchemaTypes>(resolve: Resolver<Types>, names: readonly string[]): Resolver<Types> {
  if (names.length === 0) return resolve;
  return (parent, given, context, info) => {
    const changed: Record<string, unknown> = { ...given };
    for (const name of names) {
      const value = changed[name];
      if (value !== undefined) changed[name] = Array.isArray(value) ? value.map(canonicalValue) : canonicalValue(value);
    }
    return resolve(parent, changed, context, info);
  };
}

/** What is no id stays as it is. */
function canonicalValue(value: unknown): unknown {
  return typeof value === 'string' ? (canonicalId(value) ?? value) : value;
}

SchemaBuilder.registerPlugin(pluginName, CanonicalIdsPlugin);

export default pluginName;
