import SchemaBuilder, { BasePlugin, type PothosOutputFieldConfig, type SchemaTypes } from '@pothos/core';
import type { GraphQLFieldResolver } from 'graphql';
import { budgetOf } from '../documents/operation-budget.js';
import { fieldsOfItem } from './asked-fields.js';

const pluginName = 'budgetedLists' as const;

declare global {
  export namespace PothosSchemaTypes {
    export interface Plugins<Types extends SchemaTypes> {
      budgetedLists: BudgetedListsPlugin<Types>;
    }
  }
}

/** Charges every list of the schema to its operation's budget (`operation-budget.ts`), so that no resolver can forget it. */
class BudgetedListsPlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  /** For the test that finds a list that is not charged. */
  override onOutputFieldConfig(field: PothosOutputFieldConfig<Types>) {
    if (field.type.kind !== 'List') return field;
    return { ...field, extensions: { ...field.extensions, spendsBudget: true } };
  }

  override wrapResolve(
    resolve: GraphQLFieldResolver<unknown, Types['Context'], object>,
    field: PothosOutputFieldConfig<Types>,
  ): GraphQLFieldResolver<unknown, Types['Context'], object> {
    if (field.type.kind !== 'List') return resolve;
    return (parent, args, context, info) => {
      const budget = budgetOf(context);
      // The budget is used up, so the operation fails anyway: nothing more is read.
      if (budget.refusal) return [];
      const charge = (list: unknown) => (Array.isArray(list) ? budget.spendList(list, fieldsOfItem(info)) : list);
      const answer: unknown = resolve(parent, args, context, info);
      return answer instanceof Promise ? answer.then(charge) : charge(answer);
    };
  }
}

SchemaBuilder.registerPlugin(pluginName, BudgetedListsPlugin);

export default pluginName;
