import fc from 'fast-check';
import type { Scene, Target } from './targets/target.js';

export interface CampaignOptions {
  runs: number;
  seed: number;
  targets: readonly Target[];
  scene: Scene;
  /** Called now and then: puts back what the inputs took away. */
  repair: () => Promise<void>;
  /** Before an input: the service is there, started again if it had ended. */
  revive: () => Promise<void>;
  /** Told from time to time how many inputs were sent, of all targets. */
  onProgress: (inputs: number) => void;
  /** Told at once of the first input of a target that fails, before it is shrunk. */
  onFailure: (target: string, error: unknown, input: string) => void;
  /** After an input. @throws Violation when the process ended. */
  checkAlive: () => void;
}

export interface Outcome {
  target: string;
  runs: number;
  seed: number;
  seconds: number;
  failure: Failure | undefined;
}

export interface Failure {
  what: string;
  /** Shrunk, with its placeholders. */
  input: string;
  /** Of fast-check, from the seed to this input. */
  path: string | null;
  /** Whether the input alone fails too, when nothing else is sent. */
  happensAlone: boolean;
}

const REPAIR_EVERY = 250;
/** How long a failed input is made smaller. Where an answer is missing, each attempt waits for it. Milliseconds. */
const SHRINK_MS = 60_000;

/** Feeds every target its share of inputs, all targets at the same time, each one input after the other. */
export async function runCampaign(options: CampaignOptions): Promise<Outcome[]> {
  const weights = options.targets.reduce((sum, { weight }) => sum + weight, 0);
  const repairs = new Repairs(options.repair, options.onProgress);
  return await Promise.all(
    options.targets.map((target) => {
      const runs = Math.max(1, Math.round((options.runs * target.weight) / weights));
      return feed(target, runs, options, repairs);
    }),
  );
}

async function feed(target: Target, runs: number, options: CampaignOptions, repairs: Repairs): Promise<Outcome> {
  const begin = performance.now();
  const { scene, revive, checkAlive } = options;
  const seed = seedOf(options.seed, target.name);
  let shrinkUntil: number | undefined;
  const attempt = async (input: unknown) => {
    await revive();
    await repairs.count();
    await target.send(input, scene);
    checkAlive();
  };
  const property = fc.asyncProperty(target.inputs, async (input) => {
    if (shrinkUntil !== undefined && performance.now() > shrinkUntil) return;
    try {
      await attempt(input);
    } catch (error) {
      if (shrinkUntil === undefined) options.onFailure(target.name, error, fc.stringify(input));
      shrinkUntil ??= performance.now() + SHRINK_MS;
      throw error;
    }
  });
  const result = await fc.check(property, { numRuns: runs, seed });
  const seconds = (performance.now() - begin) / 1000;
  const failure = result.failed ? await describe(result, attempt) : undefined;
  return { target: target.name, runs: result.numRuns, seed, seconds, failure };
}

async function describe(
  result: fc.RunDetails<[unknown]>,
  attempt: (input: unknown) => Promise<void>,
): Promise<Failure> {
  const [input] = result.counterexample ?? [];
  const happensAlone = await attempt(input).then(
    () => false,
    () => true,
  );
  const { errorInstance: error } = result;
  const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { what, input: fc.stringify(input), path: result.counterexamplePath, happensAlone };
}

/** Every target has its own sequence, so that it makes the same inputs alone. */
function seedOf(seed: number, name: string): number {
  let mixed = seed;
  for (const character of name) mixed = (Math.imul(mixed, 31) + (character.codePointAt(0) ?? 0)) | 0;
  return mixed;
}

/** One repair for so many inputs of all targets. While it goes on, who comes with the next number waits for it. */
class Repairs {
  private inputs = 0;
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly repair: () => Promise<void>,
    private readonly onProgress: (inputs: number) => void,
  ) {}

  async count(): Promise<void> {
    this.inputs += 1;
    if (this.inputs % REPAIR_EVERY !== 0) return;
    this.onProgress(this.inputs);
    this.running = this.running.then(this.repair);
    await this.running;
  }
}
