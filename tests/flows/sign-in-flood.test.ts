import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTeam } from '../support/service.js';

/** Each takes one of two or three places for 17 ms and more; the others wait. */
const SIGN_INS = 60;
const MESSAGES = 5;

describe('a flood of sign-ins', { timeout: 60_000 }, () => {
  let team: Awaited<ReturnType<typeof startTeam>>;
  beforeAll(async () => {
    team = await startTeam();
  });
  afterAll(() => team.close());

  it('slows nobody’s messages: they pass while it waits', async () => {
    const { first: service, credentials } = team;
    await service.app.services.chats.create('all');
    const token = await team.signIn('admin');
    const channel = await service.channel(token, 'all');
    await channel.next('live');
    const seen: string[] = [];
    const flood = Array.from({ length: SIGN_INS }, async (_, index) => {
      const { status } = await service.token({ username: `nobody ${index}`, password: 'a guess', ...credentials });
      seen.push('sign-in');
      return status;
    });
    for (let count = 0; count < MESSAGES; count += 1) {
      channel.socket.send(JSON.stringify({ type: 'message.send', id: `m${count}`, content: `message ${count}` }));
      await channel.next('ack');
      seen.push('message');
    }
    expect(seen.filter((what) => what === 'sign-in').length).toBeLessThan(SIGN_INS / 2);
    expect(await Promise.all(flood)).toEqual(Array(SIGN_INS).fill(400));
    await channel.close();
  });
});
