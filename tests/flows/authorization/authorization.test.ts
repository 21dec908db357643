import { isObjectType } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { schema } from '../../../src/graphql/schema/schema.js';
import { MATRIX, RAW_CHANNEL, type Row } from './matrix.js';
import { type Answers, CALLERS, startWorld, type World } from './world.js';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.close());

/** What each caller gets, asked one after the other. */
async function answersTo({ document }: Row, transport: 'overHttp' | 'overSocket'): Promise<Partial<Answers>> {
  const answers: Partial<Answers> = {};
  for (const caller of CALLERS)
    answers[caller] = await world[transport](caller, document(world.ids, world.tokens[caller]));
  return answers;
}

describe.each(Object.entries(MATRIX))('%s', (_field, row) => {
  it('answers every kind of caller over HTTP', async () => {
    expect(await answersTo(row, 'overHttp')).toEqual(row.overHttp ?? row.answers);
  });

  it('answers every kind of caller over a socket', async () => {
    expect(await answersTo(row, 'overSocket')).toEqual(row.answers);
  });
});

it.each(CALLERS)('the raw channel: %s', async (caller) => {
  expect(await world.overRaw(caller)).toEqual(RAW_CHANNEL[caller]);
});

it.each(CALLERS)('an event stream: %s', async (caller) => {
  const { open, receive } = RAW_CHANNEL[caller];
  expect(await world.overEvents(caller)).toEqual({ open, receive });
});

it('has a row for every field of the schema', () => {
  const types = Object.values(schema.getTypeMap()).filter((type) => isObjectType(type));
  const fields = types
    .filter(({ name }) => !name.startsWith('__'))
    .flatMap((type) => Object.keys(type.getFields()).map((field) => `${type.name}.${field}`));
  expect(Object.keys(MATRIX).sort()).toEqual(fields.sort());
});
