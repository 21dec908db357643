import { nonceOwner, notAfterMessage } from './about-message.js';
import { defineKind } from './kind.js';

/** A message has other words, mentions or metadata. Shows the message as it is now. */
export const messageEdited = defineKind({
  type: 'message.edited',
  refers: ['message'],
  facts: {},
  fill: ({ message }) => ({ message }),
  author: nonceOwner,
  contradiction: notAfterMessage,
});
