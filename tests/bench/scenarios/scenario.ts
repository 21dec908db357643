import type { LimitVariables } from '../../../src/config/limits.js';
import type { Outcome, Work } from '../load/job.js';
import type { Usage } from '../measure/meter.js';
import type { TargetName } from '../targets/target.js';
import type { WorldSize } from '../world/seed.js';

/** One target under one load, once. */
export interface Round {
  outcome: Outcome;
  /** What the phase with this name cost. */
  usage(phase: string): Usage;
}

/** A number of a round that is worth a column. */
export interface Figure {
  name: string;
  unit: string;
  better: 'less' | 'more';
  /** Undefined when the round has none. */
  of(round: Round): number | undefined;
}

/** One size of a scenario. */
export interface Variant {
  /** What the exponent of growth is taken over. */
  size: number;
  label: string;
  world: WorldSize;
  work: Work;
}

/** How often each target is measured. */
export interface Repetitions {
  /** At the size that most goals are about. */
  largest: number;
  /** At the others. */
  smaller: number;
  /** In scenarios in which every size counts alike. */
  alike: number;
}

/** How long and how often. */
export interface Form {
  name: 'quick' | 'full';
  warmUpSeconds: number;
  seconds: number;
  repetitions: Repetitions;
  /** Instead of the scenario's own sizes. */
  size?: number | undefined;
}

export interface Scenario {
  name: string;
  title: string;
  /** Beside what the others are shown. Ratios are to this one. */
  base: TargetName;
  targets: readonly TargetName[];
  /** What listeners use in place of the target's raw sockets. */
  listenOver?: 'graphql' | 'event-stream';
  /** Whether every size counts alike, and not the largest most. */
  sizesAlike?: boolean;
  /**
   * Limits of the service whose numbers are higher than by default, as the load comes from one address or over few sockets. All
   * others are the defaults, and none is switched off.
   */
  raisedLimits?: Readonly<Partial<Record<keyof LimitVariables, number>>>;
  variants(form: Form): readonly Variant[];
  /** The first is the one that the plot shows and the exponent is of. */
  figures: readonly Figure[];
}

/** Enough people and chats for small loads; the same for several scenarios, so that it is made once. */
export function world(size: Partial<WorldSize>): WorldSize {
  return { people: 1000, hallMembers: 1000, hallMessages: 0, hallExtras: false, rooms: 100, ...size };
}

/** How often a target is measured at this size. */
export function repetitionsOf({ sizesAlike }: Scenario, isLargest: boolean, { repetitions }: Form): number {
  if (sizesAlike) return repetitions.alike;
  return isLargest ? repetitions.largest : repetitions.smaller;
}

/** The sizes to measure: the one asked for, or the form's. */
export function sizesOf({ name, size }: Form, sizes: { full: readonly number[]; quick: number }): readonly number[] {
  if (size !== undefined) return [size];
  return name === 'quick' ? [sizes.quick] : sizes.full;
}

export function count(number: number, what: string): string {
  return `${number.toLocaleString('en')} ${what}`;
}

/** For a load whose requests all come from this machine, some of them from one person. */
export const RAISED_REQUEST_RATES = { LIMIT_REQUESTS_PER_ADDRESS: 100_000, LIMIT_REQUESTS_PER_USER: 100_000 };
