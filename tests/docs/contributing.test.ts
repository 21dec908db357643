import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { changesOf, ScratchCopy } from './worked-examples.js';

const EXAMPLES = ['Add a field', 'Add an operation', 'Add an event kind', 'Add a command', 'Add a setting'];

/** Tests that look at all of the code, and so at what an example adds. */
const OVERALL = [
  'tests/architecture.test.ts',
  'tests/docs/configuration.test.ts',
  'tests/flows/authorization/authorization.test.ts',
];
/** Of the matrix of rights only the rows that the examples add. */
const TITLES =
  '^(?!.*(answers every kind of caller|the raw channel|an event stream))|User\\.initials|Query\\.usersNamed|MemberWaved\\.times';

const changes = EXAMPLES.flatMap(changesOf);
const paths = [...new Set(changes.map(({ path }) => path))];
const code = paths.filter((path) => path.endsWith('.ts'));

describe('The worked examples of CONTRIBUTING.md, followed in a copy of the repository,', { timeout: 300_000 }, () => {
  let copy: ScratchCopy;
  beforeAll(async () => {
    copy = await ScratchCopy.make();
    for (const change of changes) await copy.apply(change);
    await copy.run('tsx', 'scripts/schema.ts');
  }, 60_000);
  afterAll(() => copy.remove());

  it.each(EXAMPLES)('change code and tests: %s', (section) => {
    const changed = changesOf(section).map(({ path }) => path);
    expect(changed.some((path) => path.startsWith('src/'))).toBe(true);
    expect(changed.some((path) => path.startsWith('tests/'))).toBe(true);
  });

  it('keep the rules of style', () => copy.run('biome', 'ci', '--colors=off', ...code));

  it('compile', () => {
    expect(copy.typeErrors(code)).toBe('');
  });

  it('pass their tests', async () => {
    await copy.run('scripts/build.mjs');
    const tests = [...new Set([...paths.filter((path) => path.endsWith('.test.ts')), ...OVERALL])];
    await copy.run('vitest', 'run', '--testNamePattern', TITLES, ...tests);
  });
});
