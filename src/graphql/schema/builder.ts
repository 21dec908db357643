import SchemaBuilder from '@pothos/core';
import ComplexityPlugin from '@pothos/plugin-complexity';
import PrismaPlugin from '@pothos/plugin-prisma';
import ScopeAuthPlugin from '@pothos/plugin-scope-auth';
import type PrismaTypes from '../../generated/pothos-types.js';
import { getDatamodel } from '../../generated/pothos-types.js';
import BudgetedListsPlugin from './budgeted-lists.js';
import CanonicalIdsPlugin from './canonical-ids.js';
import type { GraphqlContext } from './context.js';
import FreshReadsPlugin from './fresh-reads.js';
import NarrowedTokensPlugin from './narrowed-tokens.js';
import { type AuthScopes, authScopes } from './scopes.js';

/** Defines no types. Those are in types/, each beside its queries and mutations. */
export const builder = new SchemaBuilder<{
  Context: GraphqlContext;
  PrismaTypes: PrismaTypes;
  AuthScopes: AuthScopes;
  DefaultAuthStrategy: 'all';
  DefaultFieldNullability: false;
  Scalars: {
    ID: { Input: string; Output: string };
    DateTime: { Input: Date; Output: Date | string };
    JSON: { Input: unknown; Output: unknown };
  };
}>({
  // In this order fresh reads clear scope-auth's cache before it checks, it checks before anything is read, and lists are charged to
  // the budget as they were read.
  plugins: [
    CanonicalIdsPlugin,
    FreshReadsPlugin,
    ScopeAuthPlugin,
    NarrowedTokensPlugin,
    PrismaPlugin,
    ComplexityPlugin,
    BudgetedListsPlugin,
  ],
  defaultFieldNullability: false,
  scopeAuth: {
    defaultStrategy: 'all',
    // Checks a type's scopes once per object instead of once per field, in `isTypeOf`. Turn it off before you turn on Mercurius'
    // `jit`: that calls `isTypeOf` without the context, and treats a promise as true.
    runScopesOnType: true,
    authScopes,
  },
  prisma: {
    client: (context) => context.db.prisma,
    dmmf: getDatamodel(),
    // A resolver that ignores Pothos' planned query would read the relations of each row separately.
    onUnusedQuery: 'error',
  },
  complexity: { defaultComplexity: 1, defaultListMultiplier: 10 },
});

builder.queryType({
  description: 'Needs an access token with the scope `read`.',
  authScopes: { read: true },
});

builder.mutationType({
  description: 'Needs an access token with the scope `write`. The fields of one operation run one after the other.',
  authScopes: { write: true },
});

builder.subscriptionType({
  description:
    'Needs an access token with the scope `read`. Runs over a WebSocket with the subprotocol `graphql-transport-ws`.',
  authScopes: { read: true },
});
