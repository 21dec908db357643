import { each, SHOWN } from './documents.js';

/** Messages by their ids: one variable and one field each. */
export function messagesById(count: number): string {
  return `query($chatId:ID!${each(count, '$v#:ID!')}){${each(count, 'v#:message(chatId:$chatId,id:$v#){...Shown}')}}${SHOWN}`;
}
