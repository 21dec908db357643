import { setTimeout as sleep } from 'node:timers/promises';
import {
  type DocumentNode,
  type ExecutionResult,
  execute,
  type FieldNode,
  GraphQLError,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  TypeInfo,
  type VariableNode,
  visit,
  visitWithTypeInfo,
} from 'graphql';
import { clientError } from '../../domain/database.js';
import { authorOf, type ChatEvent } from '../../domain/log/chat-events.js';
import type { Caller } from '../caller.js';
import { enforceBudget, type OperationBudget } from '../documents/operation-budget.js';
import { causeOf, codedError, type ErrorRecord } from '../errors.js';
import type { InboxItem } from './inbox-item.js';
import { selectsOfOthers } from './own-message.js';

/** The part of an operation's context that this file needs. Resolvers get the whole context. */
interface EventContext extends ErrorRecord {
  readonly caller: Caller;
  readonly budget: OperationBudget;
}

/** Returns the execution result for an event of a chat or of an inbox, as JSON. */
export type EventResult = (event: ChatEvent | InboxItem) => string | Promise<string>;

/** The same for what has no place in a log. */
export type TransientResult = (item: object) => string | Promise<string>;

interface Plan {
  /** Whether no field below the root field may differ per viewer. */
  isShared: boolean;
  document: DocumentNode;
  operationName: string | null;
  /** The variables used below the subscription's root field. Its own arguments matter only until the stream is open. */
  variables: readonly string[];
}

interface Result {
  json: string;
  hasErrors: boolean;
}

const MAX_PLANS = 256;
/**
 * The delays before the further attempts to execute an event that the database could not answer for, in milliseconds. None is longer than
 * a second: listeners go on soon after the database is back, however long it was away.
 */
const RETRIES_MS = [500, 1000, 1000, 1000, 1000, 1000, 1000, 1000];

/** Where an event stands. */
export type EventPlace = Pick<ChatEvent, 'chatId' | 'epoch' | 'seq'>;

export interface SharedEventsOptions {
  /** Drops what an execution has read. Called after each, since the next event may be a long time away. */
  forget: (context: object) => void;
  /** Reads an event as it is now. @throws DomainError `SERVICE_UNAVAILABLE`, or `CURSOR_RESET` when its history was replaced */
  reload: (place: EventPlace) => Promise<ChatEvent>;
}

/**
 * Executes subscriptions. One that selects nothing that differs per viewer is executed once per event for all listeners with the same
 * operation: most listeners of a chat run the same client, and an execution costs more than ten times as much as a frame.
 *
 * A listener must not get null where something is, and a cursor behind it. So an event whose fields the database could not answer for
 * is read and executed again; after some attempts the subscription ends with the error.
 */
export class SharedEvents {
  /** By operation name and document text. */
  private readonly plans = new Map<string, Plan>();
  private readonly results = new WeakMap<object, Map<string, Result | Promise<Result>>>();

  constructor(private readonly options: SharedEventsOptions) {}

  /**
   * Returns the function that executes this subscription.
   * @param ended aborts when the subscription ends; then nothing is executed again
   */
  resultsFor(info: GraphQLResolveInfo, context: EventContext, ended: AbortSignal): EventResult {
    const events = this.eventResults(info, context, ended);
    const items = this.inboxResults(info, context, ended);
    return (event) => ('position' in event ? items(event) : events(event));
  }

  /** Each listener to an inbox has positions of its own. */
  private inboxResults(info: GraphQLResolveInfo, context: EventContext, ended: AbortSignal) {
    const { plan } = this.prepare(info);
    const run = this.runner(info, context, plan, (item: InboxItem): (() => Promise<InboxItem>) => {
      if (item.type !== 'event') return () => Promise.resolve(item);
      const { type, position, event } = item;
      const place = { chatId: event.chatId, epoch: event.epoch, seq: event.seq };
      return async () => ({ type, position, event: await this.options.reload(place) });
    });
    return (item: InboxItem) => {
      const result = run(item, () => ended.aborted);
      return result instanceof Promise ? result.then(({ json }) => json) : result.json;
    };
  }

  private eventResults(info: GraphQLResolveInfo, context: EventContext, ended: AbortSignal) {
    const { plan, key } = this.prepare(info);
    const groups = { author: `author ${key}`, others: `others ${key}` };
    const run = this.runner(info, context, plan, ({ chatId, epoch, seq }: ChatEvent) => {
      const place = { chatId, epoch, seq };
      return () => this.options.reload(place);
    });
    const runAlone = (event: ChatEvent) => {
      const own = run(event, () => ended.aborted);
      return own instanceof Promise ? own.then(({ json }) => json) : own.json;
    };
    if (!plan.isShared) return runAlone;
    // An error may concern only the listener for whom the operation was executed.
    const jsonOf = (event: ChatEvent, { json, hasErrors }: Result) => (hasErrors ? runAlone(event) : json);
    return (event: ChatEvent) => {
      // Others may wait for it when this listener has left.
      const result = this.shared(event, groups[audienceOf(event, context)], (first) => run(first, () => false));
      return result instanceof Promise ? result.then((late) => jsonOf(event, late)) : jsonOf(event, result);
    };
  }

  /**
   * As `resultsFor`, for signals and the presence of users, which may be lost: they are executed once. What the database could not
   * answer for is an error in the result.
   */
  transientResultsFor(info: GraphQLResolveInfo, context: EventContext): TransientResult {
    const { plan, key } = this.prepare(info);
    const { schema, variableValues } = info;
    const run = (item: object): Result | Promise<Result> => {
      const finish = (execution: ExecutionResult): Result => {
        this.options.forget(context);
        return toResult(execution, context);
      };
      const execution = executeEvent({ schema, plan, event: item, context, variableValues });
      return execution instanceof Promise ? execution.then(finish) : finish(execution);
    };
    return (item) => {
      const result = plan.isShared ? this.shared(item, key, run) : run(item);
      return result instanceof Promise ? result.then(({ json }) => json) : result.json;
    };
  }

  /**
   * Returns the function that executes a subscription for an item, and again when the database could not answer.
   * @param reloadOf what reads the item again. It holds only the item's place: what it shows may be deleted in the meantime
   */
  private runner<Item extends object>(
    { schema, variableValues }: GraphQLResolveInfo,
    context: EventContext,
    plan: Plan,
    reloadOf: (item: Item) => () => Promise<Item>,
  ): (item: Item, isOver: () => boolean) => Result | Promise<Result> {
    const run = (item: Item, isOver: () => boolean, attempt = 0): Result | Promise<Result> => {
      const reload = reloadOf(item);
      const finish = (execution: ExecutionResult): Result | Promise<Result> => {
        this.options.forget(context);
        const error = execution.errors?.find(isForNow);
        if (!error || isOver()) return toResult(execution, context);
        return again(reload, isOver, attempt, error);
      };
      const execution = executeEvent({ schema, plan, event: item, context, variableValues });
      return execution instanceof Promise ? execution.then(finish) : finish(execution);
    };
    const again = async (
      reload: () => Promise<Item>,
      isOver: () => boolean,
      attempt: number,
      error: unknown,
    ): Promise<Result> => {
      const retryMs = RETRIES_MS[attempt];
      if (retryMs === undefined || isOver()) throw error;
      await sleep(retryMs, undefined, { ref: false });
      let item: Item;
      try {
        item = await reload();
      } catch (failure) {
        if (!isForNow(failure)) throw failure;
        return again(reload, isOver, attempt + 1, failure);
      }
      return run(item, isOver, attempt + 1);
    };
    return run;
  }

  /** The plan of a subscription, and what names it among those of the same item. */
  private prepare(info: GraphQLResolveInfo): { plan: Plan; key: string } {
    const name = `${info.operation.name?.value ?? ''} ${info.operation.loc?.source.body ?? ''}`;
    const plan = this.planOf(name, info);
    const values = JSON.stringify(plan.variables.map((variable) => info.variableValues[variable] ?? null));
    return { plan, key: `${values} ${name}` };
  }

  private shared<Item extends object>(item: Item, group: string, run: (item: Item) => Result | Promise<Result>) {
    const groups = this.results.get(item) ?? new Map<string, Result | Promise<Result>>();
    this.results.set(item, groups);
    const result = groups.get(group) ?? run(item);
    groups.set(group, result);
    // A listener who comes later tries again.
    if (result instanceof Promise) result.catch(() => groups.delete(group));
    return result;
  }

  private planOf(name: string, info: GraphQLResolveInfo): Plan {
    const known = this.plans.get(name);
    if (known !== undefined) return known;
    const plan = makePlan(info);
    const [oldest] = this.plans.keys();
    if (this.plans.size >= MAX_PLANS && oldest !== undefined) this.plans.delete(oldest);
    this.plans.set(name, plan);
    return plan;
  }
}

/** The author is shown more of an event than others are. */
function audienceOf(event: ChatEvent, { caller }: EventContext): 'author' | 'others' {
  const author = authorOf(event);
  return author !== null && author === caller.viewer?.user?.id ? 'author' : 'others';
}

function documentOf({ operation, fragments }: GraphQLResolveInfo): DocumentNode {
  return { kind: Kind.DOCUMENT, definitions: [operation, ...Object.values(fragments)] };
}

function makePlan(info: GraphQLResolveInfo): Plan {
  const typeInfo = new TypeInfo(info.schema);
  const variables = new Set<string>();
  let isShared = !selectsOfOthers(info.operation.selectionSet, info);
  visit(
    withoutRootArguments(documentOf(info), info.operation),
    visitWithTypeInfo(typeInfo, {
      // The definition of a variable is not a use of it.
      [Kind.VARIABLE_DEFINITION]: () => false,
      [Kind.VARIABLE]: ({ name }: VariableNode) => void variables.add(name.value),
      [Kind.FIELD]: ({ name }: FieldNode) => {
        const parent = typeInfo.getParentType();
        if (!parent || parent === info.schema.getSubscriptionType() || name.value === '__typename') return;
        if (typeInfo.getFieldDef()?.extensions.sameForAll === undefined) isShared = false;
      },
    }),
  );
  const operationName = info.operation.name?.value ?? null;
  return { isShared, document: documentOf(info), operationName, variables: [...variables].sort() };
}

/** The root field's arguments (the chat, the cursor) matter to the stream alone. */
function withoutRootArguments(document: DocumentNode, operation: OperationDefinitionNode): DocumentNode {
  const selections = operation.selectionSet.selections.map((selection) =>
    selection.kind === Kind.FIELD ? { ...selection, arguments: [] } : selection,
  );
  const bare = { ...operation, selectionSet: { ...operation.selectionSet, selections } };
  return { ...document, definitions: document.definitions.map((node) => (node === operation ? bare : node)) };
}

interface Execution {
  schema: GraphQLSchema;
  plan: Plan;
  event: object;
  context: EventContext;
  variableValues: Readonly<Record<string, unknown>>;
}

/** Does for one event what graphql's `subscribe` does (https://spec.graphql.org/October2021/#ExecuteSubscriptionEvent()). */
function executeEvent({ schema, plan, event, context, variableValues }: Execution) {
  return execute({
    schema,
    document: plan.document,
    operationName: plan.operationName,
    rootValue: event,
    contextValue: context,
    variableValues,
  });
}

/** Whether the field may be answered later. */
function isForNow(error: unknown): boolean {
  return clientError(error instanceof GraphQLError ? causeOf(error) : error)?.code === 'SERVICE_UNAVAILABLE';
}

function toResult(execution: ExecutionResult, context: EventContext): Result {
  enforceBudget(execution, context);
  const { data, errors } = execution;
  if (!errors) return { json: JSON.stringify({ data }), hasErrors: false };
  return { json: JSON.stringify({ data, errors: errors.map((error) => codedError(error, context)) }), hasErrors: true };
}
