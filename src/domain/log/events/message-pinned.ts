import { nonceOwner, notAfterMessage } from './about-message.js';
import { defineKind } from './kind.js';

/** A message was pinned in its chat. Shows the message as it is now. */
export const messagePinned = defineKind({
  type: 'message.pinned',
  refers: ['message'],
  facts: {},
  fill: ({ message }) => ({ message }),
  author: nonceOwner,
  contradiction: notAfterMessage,
});
