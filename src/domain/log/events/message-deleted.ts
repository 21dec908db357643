import { nonceOwner, notAfterMessage } from './about-message.js';
import { defineKind } from './kind.js';

/** A message was deleted. Shows what is left of it. */
export const messageDeleted = defineKind({
  type: 'message.deleted',
  refers: ['message'],
  facts: {},
  fill: ({ message }) => ({ message }),
  author: nonceOwner,
  contradiction: notAfterMessage,
});
