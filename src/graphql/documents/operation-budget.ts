import { type ExecutionResult, GraphQLError } from 'graphql';
import { type MessageExtras, sizeOfExtras } from '../../domain/log/chat-message.js';
import { tookTooLong } from '../../plugins/limits/deadline.js';
import type { EventLoopTurns } from './event-loop-turns.js';
import { LIMITS } from './limits.js';

/** The most that one operation, or one event of a subscription, may cost. */
export interface BudgetLimits {
  /** Fields of the response that are inside lists. */
  fields: number;
  /** UTF-16 code units of messages; those read and those in the response are counted separately. At most 3 bytes each on the wire. */
  characters: number;
}

export const OPERATION_BUDGET: Readonly<BudgetLimits> = {
  fields: LIMITS.complexity,
  characters: 2 * 1024 * 1024,
};

/** For each event of a subscription. */
export const EVENT_BUDGET: Readonly<BudgetLimits> = { ...OPERATION_BUDGET, fields: LIMITS.subscription };

/**
 * UTF-16 code units of what the messages that an operation reads have beside their contents (`sizeOfExtras`), selected or not. A page of
 * 100 messages with everything that one can have fits.
 */
const READ_EXTRAS = 5 * 1024 * 1024;

/** Fields that are completed in one turn of the event loop: about 10 ms of CPU. Each part of a longer list is read by its own statements. */
const FIELDS_PER_TURN = 5000;

/** A list as graphql accepts it: items may be promises. */
type List<Item> = readonly (Item | Promise<Item>)[];

/**
 * The remaining budget of a running operation. The weight computed before it runs is an estimate; here each list is charged its
 * real length times the fields selected of an item, and each message content its characters. Long lists are completed in parts:
 * between two parts the event loop gets a turn and the deadline is checked.
 *
 * When the budget is used up, further lists and texts come out empty, so that the execution ends soon, and `refusal` becomes the
 * whole response. Nothing is thrown: graphql would create an error for each field that throws, and would leave promises of a
 * list unhandled when one of its items throws synchronously.
 */
export class OperationBudget {
  private fieldsLeft: number;
  private readLeft: number;
  private extrasLeft = READ_EXTRAS;
  private answerLeft: number;
  private sinceTurn = 0;
  /** The turn of the event loop that waiting lists share. */
  private nextTurn: Promise<void> | undefined;
  /** Settles when no reading of history is in progress. */
  private reading: Promise<void> | undefined;
  private refused: GraphQLError | undefined;

  constructor(
    private readonly turns: EventLoopTurns,
    private deadline = Number.POSITIVE_INFINITY,
    private budget: Readonly<BudgetLimits> = OPERATION_BUDGET,
  ) {
    this.fieldsLeft = budget.fields;
    this.readLeft = budget.characters;
    this.answerLeft = budget.characters;
  }

  /** The error that ends the operation; undefined while it is within its budget. */
  get refusal(): GraphQLError | undefined {
    return this.refused;
  }

  /** Fields charged so far. */
  get spentFields(): number {
    return this.budget.fields - this.fieldsLeft;
  }

  /** Begins an event of a subscription: it has a budget of its own and no deadline. */
  beginEvent(): void {
    this.deadline = Number.POSITIVE_INFINITY;
    this.budget = EVENT_BUDGET;
    this.fieldsLeft = this.budget.fields;
    this.readLeft = this.budget.characters;
    this.answerLeft = this.budget.characters;
    this.extrasLeft = READ_EXTRAS;
    this.sinceTurn = 0;
    this.refused = undefined;
  }

  /** One item more than the budget allows: a list of this length is certain to be refused, so reading more is useless. */
  affordableItemsPlusOne(fieldsOfItem: number): number {
    return Math.floor(this.fieldsLeft / fieldsOfItem) + 1;
  }

  /**
   * Runs an operation's readings of history one after another, so that an operation holds at most one database connection.
   * Undefined when the budget is used up before its turn.
   */
  async read<Read>(reading: () => Promise<Read>): Promise<Read | undefined> {
    const before = this.reading;
    const mine = before ? before.then(() => (this.refused ? undefined : reading())) : reading();
    const settled = () => {
      if (this.reading === ended) this.reading = undefined;
    };
    const ended = mine.then(settled, settled);
    this.reading = ended;
    return mine;
  }

  /** Charges fields of the response. False when the budget is used up. */
  spendFields(count: number): boolean {
    this.fieldsLeft -= count;
    if (this.fieldsLeft < 0) this.refuse(`${this.budget.fields} fields in its lists`, 'Ask for shorter lists.');
    return this.refused === undefined;
  }

  /** Charges messages read, their contents and the rest, whether selected or not. False when the budget is used up. */
  spendReading(messages: readonly { content: string; extras?: MessageExtras }[]): boolean {
    for (const { content, extras } of messages) {
      this.readLeft -= content.length;
      if (extras) this.extrasLeft -= sizeOfExtras(extras);
    }
    if (this.readLeft < 0) this.refuseMessages();
    if (this.extrasLeft < 0)
      this.refuse(`${READ_EXTRAS} characters of metadata, mentions and reactions`, 'Ask for fewer messages.');
    return this.refused === undefined;
  }

  /** Charges a text of the response and returns it; returns an empty one when the budget is used up. */
  spendText(text: string): string {
    this.answerLeft -= text.length;
    if (this.answerLeft >= 0) return text;
    this.refuseMessages();
    return '';
  }

  /** Charges a list. A long one is released in parts, each in a turn of the event loop of its own. */
  spendList<Item>(items: readonly Item[], fieldsOfItem: number): List<Item> | Promise<List<Item>> {
    const fields = items.length * fieldsOfItem;
    if (!this.spendFields(fields)) return [];
    if (this.sinceTurn + fields > FIELDS_PER_TURN) return this.inParts(items, fieldsOfItem);
    this.sinceTurn += fields;
    return items;
  }

  private async inParts<Item>(items: readonly Item[], fieldsOfItem: number): Promise<List<Item>> {
    const length = Math.max(1, Math.floor(FIELDS_PER_TURN / fieldsOfItem));
    await this.room(Math.min(length, items.length) * fieldsOfItem);
    if (this.refused) return [];
    let part = Promise.resolve();
    return items.map((item, index) => {
      if (index < length) return item;
      if (index % length === 0) part = part.then(() => this.room(length * fieldsOfItem));
      return part.then(() => item);
    });
  }

  /** Resolves when so many more fields fit into the current turn. Waiting lists share the next turn. */
  private async room(fields: number): Promise<void> {
    while (this.sinceTurn > 0 && this.sinceTurn + fields > FIELDS_PER_TURN) {
      this.nextTurn ??= this.turn();
      await this.nextTurn;
    }
    this.sinceTurn += fields;
  }

  /** Resolves at this operation's next turn, and checks the deadline. */
  private async turn(): Promise<void> {
    await this.turns.next(this);
    this.nextTurn = undefined;
    this.sinceTurn = 0;
    if (performance.now() >= this.deadline) this.refused ??= new GraphQLError('', { originalError: tookTooLong() });
  }

  /** Refuses a response whose texts are too long. */
  refuseAnswer(): void {
    this.refuse(`${ANSWER_CHARACTERS} characters`, 'Ask for shorter lists.');
  }

  private refuseMessages(): void {
    this.refuse(`${this.budget.characters} characters of messages`, 'Ask for fewer messages.');
  }

  private refuse(what: string, advice: string): void {
    this.refused ??= new GraphQLError(`The answer would have more than ${what}. ${advice}`, {
      extensions: { code: 'BAD_USER_INPUT', field: 'query' },
    });
  }
}

/** The budget of a context whose type is unknown, as in plugins of the schema. @throws Error when it has none */
export function budgetOf(context: object): OperationBudget {
  const budget = 'budget' in context ? context.budget : undefined;
  if (budget instanceof OperationBudget) return budget;
  throw new Error('The context of the operation has no budget.');
}

/** The most characters of strings in a response, of messages and everything else. */
const ANSWER_CHARACTERS = 4 * 1024 * 1024;
/** The characters are counted only from so many fields in lists; fewer cannot hold so many. */
const COUNTED_FROM_FIELDS = 5000;

/** Replaces the result of an operation or event that exceeded its budget by the refusal. Call it with every execution result. */
export function enforceBudget(execution: ExecutionResult, { budget }: { budget: OperationBudget }): void {
  if (budget.spentFields > COUNTED_FROM_FIELDS && charactersOf(execution.data) > ANSWER_CHARACTERS)
    budget.refuseAnswer();
  if (budget.refusal) Object.assign(execution, { data: null, errors: [budget.refusal] });
}

function charactersOf(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 0;
  let total = 0;
  for (const inner of Object.values(value)) total += charactersOf(inner);
  return total;
}
