import { exponent, type Spread, spread } from '../measure/statistics.js';
import type { Figure, Round, Scenario, Variant } from '../scenarios/scenario.js';
import type { TargetName } from '../targets/target.js';

/** A figure of one target over its rounds. */
export interface Cell extends Spread {
  /** To the base's median; undefined without one. */
  ratio: number | undefined;
}

/** All rounds of one scenario, as the tables and the plot want them. */
export class ScenarioResult {
  /** Rounds that count for nothing, and why. */
  readonly invalid: string[] = [];
  private readonly rounds = new Map<string, Round[]>();

  constructor(
    readonly scenario: Scenario,
    readonly variants: readonly Variant[],
    readonly targets: readonly TargetName[],
  ) {}

  add(variant: Variant, target: TargetName, round: Round): void {
    const key = keyOf(variant, target);
    this.rounds.set(key, [...(this.rounds.get(key) ?? []), round]);
  }

  /** Undefined when the target has no such figure. */
  cell(figure: Figure, variant: Variant, target: TargetName): Cell | undefined {
    const own = this.spreadOf(figure, variant, target);
    const base = this.spreadOf(figure, variant, this.scenario.base);
    return own && { ...own, ratio: base && base.median > 0 ? own.median / base.median : undefined };
  }

  /** Of one target's medians to another's, at each size at which both have one. */
  ratios(figure: Figure, target: TargetName, to: TargetName): number[] {
    return this.variants.flatMap((variant) => {
      const own = this.spreadOf(figure, variant, target)?.median;
      const other = this.spreadOf(figure, variant, to)?.median;
      return own === undefined || other === undefined ? [] : [own / other];
    });
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
    const rounds = this.variants.flatMap((variant) => this.rounds.get(keyOf(variant, target)) ?? []);
    return rounds.reduce((sum, { outcome }) => sum + outcome.outOfOrder, 0);
  }

  private spreadOf(figure: Figure, variant: Variant, target: TargetName): Spread | undefined {
    const rounds = this.rounds.get(keyOf(variant, target)) ?? [];
    const values = rounds.map((round) => figure.of(round)).filter((value) => value !== undefined);
    return values.length > 0 ? spread(values) : undefined;
  }
}

function keyOf({ label }: Variant, target: TargetName): string {
  return `${target} ${label}`;
}
