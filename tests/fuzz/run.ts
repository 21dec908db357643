import { Keeper } from '../support/keeper.js';
import { PrivatePostgres } from '../support/private-postgres.js';
import { MissingProgramError } from '../support/server-program.js';
import { type Options, parseOptions, usage } from './options.js';
import { countViolations, heading, rows } from './report.js';
import { type Ground, runStage, stages } from './stage.js';
import { TARGET_NAMES } from './targets/targets.js';

const keeper = new Keeper();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void keeper.close().finally(() => process.exit(130)));

try {
  const options = parseOptions(process.argv.slice(2), TARGET_NAMES);
  if (options === 'help') print(usage(TARGET_NAMES));
  else process.exitCode = await runAll(options);
} catch (error) {
  print(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.exitCode = 2;
}
await keeper.close();
process.exit();

/** The exit code. */
async function runAll(options: Options): Promise<number> {
  const ground = await prepare(options);
  print(
    `Seed ${options.seed}, ${options.runs} inputs, ${ground.database.DATABASE_URL ? 'PostgreSQL' : 'the embedded database'}.`,
  );
  print(heading());
  let violations = 0;
  for (const [index, stage] of stages.entries()) {
    const runs = Math.round(options.runs * stage.share);
    const result = await runStage(stage, ground, { ...options, runs, seed: options.seed + index });
    print(rows(stage, result, options.seed));
    violations += countViolations(result);
  }
  print(violations === 0 ? 'No violation.' : `${violations} violations. The logs: ${ground.folder}`);
  if (violations > 0) keeper.leave(ground.folder);
  return violations === 0 ? 0 : 1;
}

/** A database of our own, of PostgreSQL where the machine has its programs. */
async function prepare({ embedded }: Options): Promise<Ground> {
  const folder = await keeper.folder('chat-api-fuzz');
  const embeddedGround: Ground = { keeper, folder, database: { DATA_DIR: 'data' }, hints: [], world: undefined };
  if (embedded) return embeddedGround;
  try {
    const postgres = await PrivatePostgres.start(keeper);
    return { ...embeddedGround, database: { DATABASE_URL: postgres.url() }, hints: [`127.0.0.1:${postgres.port}`] };
  } catch (error) {
    if (!(error instanceof MissingProgramError)) throw error;
    print(`${error.message} Meanwhile the embedded database does.`);
    return embeddedGround;
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
