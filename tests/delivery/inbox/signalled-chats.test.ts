import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { SignalledChats } from '../../../src/delivery/inbox/signalled-chats.js';

it('holds one caller, who is answered when all are heard, when others are asked for, or at the end', async () => {
  let heard = 0;
  const chats = new SignalledChats(() => {
    heard += 1;
  });
  const answered: string[] = [];
  const ask = (name: string, ...chatIds: string[]) => {
    const dropped = chats.replace(chatIds);
    for (const chatId of chatIds) chats.miss(chatId);
    void chats.whenHeard().then(() => answered.push(name));
    return dropped;
  };
  expect(ask('first', 'a', 'b')).toEqual([]);
  expect(ask('second', 'b', 'c')).toEqual(['a']);
  await turn();
  expect([answered, heard, chats.isHeard]).toEqual([['first'], 0, false]);
  chats.heard('b');
  chats.heard('a');
  await turn();
  expect(answered).toEqual(['first']);
  chats.heard('c');
  await turn();
  expect([answered, heard, chats.isHeard]).toEqual([['first', 'second'], 1, true]);
  ask('third', 'd');
  chats.forget();
  await turn();
  expect([answered.at(-1), heard, [...chats]]).toEqual(['third', 1, ['d']]);
});
