import { exponent, type Spread, spread } from '../measure/statistics.js';
import type { Figure, Round, Scenario, Variant } from '../scenarios/scenario.js';
import type { TargetName } from '../targets/target.js';

/** A figure of one target over its rounds. */
export interface Cell extends Spread {
  /** To the base; undefined without one. */
  ratio: number | undefined;
}

/**
 * All rounds of one scenario, as the tables and the plot want them.
 *
 * A ratio of two targets, or of two sizes, is the median of their ratios in each turn. A machine's speed may change twofold within minutes, which
 * meets the rounds of one turn alike; the ratio of the medians may compare a slow minute of one with a fast one of the other.
 */
export class ScenarioResult {
  /** Rounds that count for nothing, and why. */
  readonly invalid: string[] = [];
  /** By the number of the turn. */
  private readonly rounds = new Map<string, Map<number, Round>>();

  constructor(
    readonly scenario: Scenario,
    readonly variants: readonly Variant[],
    readonly targets: readonly TargetName[],
  ) {}

  add(variant: Variant, target: TargetName, turn: number, round: Round): void {
    const key = keyOf(variant, target);
    const rounds = this.rounds.get(key) ?? new Map<number, Round>();
    this.rounds.set(key, rounds.set(turn, round));
  }

  /** Undefined when the target has no such figure. */
  cell(figure: Figure, variant: Variant, target: TargetName): Cell | undefined {
    const own = this.spreadOf(figure, variant, target);
    return own && { ...own, ratio: this.ratio(figure, variant, target, this.scenario.base) };
  }

  /** Of one target to another, at each size at which both have the figure. */
  ratios(figure: Figure, target: TargetName, to: TargetName): number[] {
    return this.variants.flatMap((variant) => this.ratio(figure, variant, target, to) ?? []);
  }

  /** Of one size to another, of one target; undefined when no turn has both. */
  ratioOfSizes(figure: Figure, target: TargetName, variant: Variant, to: Variant): number | undefined {
    return medianRatio(this.valuesOf(figure, variant, target), this.valuesOf(figure, to, target));
  }

  /** How the figure grows with the scenario's size; undefined for one size. */
  exponent(figure: Figure, target: TargetName): number | undefined {
    const points = this.variants.map((variant) => ({
      size: variant.size,
      cost: this.spreadOf(figure, variant, target)?.median ?? Number.NaN,
    }));
    return exponent(points);
  }

  outOfOrder(target: TargetName): number {
    const rounds = this.variants.flatMap((variant) => [...this.roundsOf(variant, target).values()]);
    return rounds.reduce((sum, { outcome }) => sum + outcome.outOfOrder, 0);
  }

  private spreadOf(figure: Figure, variant: Variant, target: TargetName): Spread | undefined {
    const values = this.valuesOf(figure, variant, target);
    return values.size > 0 ? spread([...values.values()]) : undefined;
  }

  private ratio(figure: Figure, variant: Variant, target: TargetName, to: TargetName): number | undefined {
    return medianRatio(this.valuesOf(figure, variant, target), this.valuesOf(figure, variant, to));
  }

  /** By the number of the turn. */
  private valuesOf(figure: Figure, variant: Variant, target: TargetName): ReadonlyMap<number, number> {
    const values = new Map<number, number>();
    for (const [turn, round] of this.roundsOf(variant, target)) {
      const value = figure.of(round);
      if (value !== undefined) values.set(turn, value);
    }
    return values;
  }

  private roundsOf(variant: Variant, target: TargetName): ReadonlyMap<number, Round> {
    return this.rounds.get(keyOf(variant, target)) ?? new Map();
  }
}

/** Of values by the number of their turn. */
function medianRatio(values: ReadonlyMap<number, number>, others: ReadonlyMap<number, number>): number | undefined {
  const ratios = [...values].flatMap(([turn, value]) => {
    const other = others.get(turn);
    return other ? [value / other] : [];
  });
  return ratios.length > 0 ? spread(ratios).median : undefined;
}

function keyOf({ label }: Variant, target: TargetName): string {
  return `${target} ${label}`;
}
