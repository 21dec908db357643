import { afterAll, beforeAll, expect, it } from 'vitest';
import { MATRIX, RAW_CHANNEL } from './matrix.js';
import { startWorld, type World } from './world.js';

let world: World;
beforeAll(async () => {
  world = await startWorld({ memberIsBot: true });
});
afterAll(() => world.close());

/** Where a bot is answered otherwise than a person: it is in no presence. */
const OTHERWISE: Record<string, string> = {
  'Query.presence': 'null',
  'Presence.userId': 'null',
  'Presence.status': 'null',
  'Presence.lastActiveAt': 'null',
  'Mutation.setPresence': 'FORBIDDEN',
};
/** It brings nothing, since the bot shares its chat with nobody else: there is no first event to compare. */
const WITHOUT_END = 'Subscription.presence';

it.each(Object.entries(MATRIX).filter(([field]) => field !== WITHOUT_END))(
  'a member who is a bot has the rights of a member: %s',
  async (field, { document, answers }) => {
    for (const caller of ['member', 'readOnly'] as const) {
      const expected = OTHERWISE[field] ?? answers[caller];
      const answer = await world.overSocket(caller, document(world.ids, world.tokens[caller]));
      expect(answer, caller).toBe(expected);
    }
  },
);

it.each(['member', 'readOnly'] as const)('a bot on the raw channel and on an event stream: %s', async (caller) => {
  expect(await world.overRaw(caller)).toEqual(RAW_CHANNEL[caller]);
  const { open, receive } = RAW_CHANNEL[caller];
  expect(await world.overEvents(caller)).toEqual({ open, receive });
});
