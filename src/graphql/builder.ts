import SchemaBuilder from '@pothos/core';
import ComplexityPlugin from '@pothos/plugin-complexity';
import PrismaPlugin from '@pothos/plugin-prisma';
import ScopeAuthPlugin from '@pothos/plugin-scope-auth';
import type PrismaTypes from '../generated/pothos-types.js';
import { getDatamodel } from '../generated/pothos-types.js';
import type { GraphqlContext } from './context.js';
import FreshReadsPlugin from './fresh-reads.js';
import { type AuthScopes, authScopes } from './scopes.js';

/** Defines no types: those are in types/, each with its queries and mutations beside it. */
export const builder = new SchemaBuilder<{
  Context: GraphqlContext;
  PrismaTypes: PrismaTypes;
  AuthScopes: AuthScopes;
  DefaultAuthStrategy: 'all';
  DefaultFieldNullability: false;
  Scalars: {
    ID: { Input: string; Output: string };
    DateTime: { Input: never; Output: Date | string };
  };
}>({
  // Scope-auth stands before whatever reads; only what it has cached is dropped before it.
  plugins: [FreshReadsPlugin, ScopeAuthPlugin, PrismaPlugin, ComplexityPlugin],
  defaultFieldNullability: false,
  scopeAuth: {
    defaultStrategy: 'all',
    // A type's scopes run once per object and not once per field. A compiler of queries (Mercurius' `jit`) calls `isTypeOf`,
    // where they run, without the context and takes a promise for leave: turn this off before turning that on.
    runScopesOnType: true,
    authScopes,
  },
  prisma: {
    client: (context) => context.db.prisma,
    dmmf: getDatamodel(),
    // A list that forgets Prisma's planned query would read each row's relations by themselves.
    onUnusedQuery: 'error',
  },
  complexity: { defaultComplexity: 1, defaultListMultiplier: 10 },
});

builder.queryType({
  description: 'Needs an access token with the scope `read`.',
  authScopes: { read: true },
});

builder.mutationType({
  description: 'Needs an access token with the scope `write`. Fields run one after the other.',
  authScopes: { write: true },
});

builder.subscriptionType({
  description: 'Needs an access token with the scope `read`, and runs over a WebSocket (`graphql-transport-ws`).',
  authScopes: { read: true },
});
