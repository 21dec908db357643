import { nonceOwner, notAfterMessage } from './about-message.js';
import { defineKind } from './kind.js';

/** A message is no longer pinned in its chat. Shows the message as it is now. */
export const messageUnpinned = defineKind({
  type: 'message.unpinned',
  refers: ['message'],
  facts: {},
  fill: ({ message }) => ({ message }),
  author: nonceOwner,
  contradiction: notAfterMessage,
});
