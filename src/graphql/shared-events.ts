import {
  type DocumentNode,
  type ExecutionResult,
  execute,
  type FieldNode,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  TypeInfo,
  type VariableNode,
  visit,
  visitWithTypeInfo,
} from 'graphql';
import type { ChatEvent } from '../domain/chat-events.js';
import type { GraphqlContext } from './context.js';
import { codedError } from './errors.js';

/** What a listener gets for an event: an execution result as JSON. */
export type EventResult = (event: ChatEvent) => string | Promise<string>;

/**
 * The fields whose value is the same for everybody who may hear the event. `nonce` is the sender's own, which `groupOf` keeps
 * apart. An operation with any other field is executed for each listener.
 */
const SAME_FOR_ALL: Readonly<Record<string, readonly string[]>> = {
  ChatEvent: ['chatId', 'seq', 'cursor', 'at', 'actor'],
  MessageCreated: ['chatId', 'seq', 'cursor', 'at', 'actor', 'message'],
  MemberAdded: ['chatId', 'seq', 'cursor', 'at', 'actor', 'member'],
  MemberRemoved: ['chatId', 'seq', 'cursor', 'at', 'actor', 'user'],
  Message: ['id', 'chat', 'sender', 'content', 'createdAt', 'seq', 'nonce'],
  ChatMembership: ['user', 'chat', 'joinedAt'],
  Chat: ['id', 'cursor'],
  User: ['id', 'username', 'firstName', 'lastName', 'role', 'dateJoined'],
};

interface Plan {
  document: DocumentNode;
  operationName: string | null;
  /** The variables that matter after the stream has opened: those below the subscription's own field. */
  variables: readonly string[];
}

interface Result {
  json: string;
  hasErrors: boolean;
}

const MAX_PLANS = 256;

/**
 * Executes a subscription once per event for all listeners with the same operation, instead of once for each. The listeners
 * of a chat mostly run the same program, and an execution costs more than ten times what a frame does.
 */
export class SharedEvents {
  /** By the document's text and the operation's name; null for an operation that cannot be shared. */
  private readonly plans = new Map<string, Plan | null>();
  private readonly results = new WeakMap<ChatEvent, Map<string, Result | Promise<Result>>>();

  /** The results for a listener who has just subscribed; undefined when the operation has to be executed for each. */
  resultsFor(info: GraphQLResolveInfo, context: GraphqlContext): EventResult | undefined {
    const name = `${info.operation.name?.value ?? ''} ${info.operation.loc?.source.body ?? ''}`;
    const plan = this.planOf(name, info);
    if (!plan) return undefined;
    const { schema, variableValues } = info;
    const values = JSON.stringify(plan.variables.map((variable) => variableValues[variable] ?? null));
    const groups = { own: `own ${values} ${name}`, other: `other ${values} ${name}` };
    const run = (event: ChatEvent) => executeEvent({ schema, plan, event, context, variableValues });
    // What failed may have failed because of the one for whom it ran.
    const jsonOf = (event: ChatEvent, { json, hasErrors }: Result) => {
      if (!hasErrors) return json;
      const own = run(event);
      return own instanceof Promise ? own.then((result) => result.json) : own.json;
    };
    return (event) => {
      const result = this.shared(event, groups[groupOf(event, context)], run);
      return result instanceof Promise ? result.then((late) => jsonOf(event, late)) : jsonOf(event, result);
    };
  }

  private shared(event: ChatEvent, group: string, run: (event: ChatEvent) => Result | Promise<Result>) {
    const groups = this.results.get(event) ?? new Map<string, Result | Promise<Result>>();
    this.results.set(event, groups);
    const result = groups.get(group) ?? run(event);
    groups.set(group, result);
    return result;
  }

  private planOf(name: string, info: GraphQLResolveInfo): Plan | null {
    const known = this.plans.get(name);
    if (known !== undefined) return known;
    const plan = makePlan(info);
    const [oldest] = this.plans.keys();
    if (this.plans.size >= MAX_PLANS && oldest !== undefined) this.plans.delete(oldest);
    this.plans.set(name, plan);
    return plan;
  }
}

/** A sender sees the nonce of their own message. */
function groupOf(event: ChatEvent, { caller }: GraphqlContext): 'own' | 'other' {
  const viewerId = caller.viewer?.user?.id;
  return event.actor !== null && event.actor.id === viewerId ? 'own' : 'other';
}

function documentOf({ operation, fragments }: GraphQLResolveInfo): DocumentNode {
  return { kind: Kind.DOCUMENT, definitions: [operation, ...Object.values(fragments)] };
}

/** Null when a field below the subscription's own depends on who asks. */
function makePlan(info: GraphQLResolveInfo): Plan | null {
  const typeInfo = new TypeInfo(info.schema);
  const variables = new Set<string>();
  let shared = true;
  visit(
    withoutRootArguments(documentOf(info), info.operation),
    visitWithTypeInfo(typeInfo, {
      // A definition of a variable is no use of it.
      [Kind.VARIABLE_DEFINITION]: () => false,
      [Kind.VARIABLE]: ({ name }: VariableNode) => void variables.add(name.value),
      [Kind.FIELD]: ({ name }: FieldNode) => {
        const parent = typeInfo.getParentType();
        if (!parent || parent === info.schema.getSubscriptionType() || name.value === '__typename') return;
        if (!SAME_FOR_ALL[parent.name]?.includes(name.value)) shared = false;
      },
    }),
  );
  const operationName = info.operation.name?.value ?? null;
  return shared ? { document: documentOf(info), operationName, variables: [...variables].sort() } : null;
}

/** Which chat, and from where on, concerns the stream alone. */
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
  event: ChatEvent;
  context: GraphqlContext;
  variableValues: Readonly<Record<string, unknown>>;
}

/** What graphql's `subscribe` does with each event (https://spec.graphql.org/October2021/#ExecuteSubscriptionEvent()). */
function executeEvent({ schema, plan, event, context, variableValues }: Execution): Result | Promise<Result> {
  const result = execute({
    schema,
    document: plan.document,
    operationName: plan.operationName,
    rootValue: event,
    contextValue: context,
    variableValues,
  });
  return result instanceof Promise ? result.then((late) => toResult(late, context)) : toResult(result, context);
}

function toResult({ data, errors }: ExecutionResult, context: GraphqlContext): Result {
  if (!errors) return { json: JSON.stringify({ data }), hasErrors: false };
  return { json: JSON.stringify({ data, errors: errors.map((error) => codedError(error, context)) }), hasErrors: true };
}
