import { nonceOwner, notAfterMessage } from './about-message.js';
import { defineKind } from './kind.js';

/** The reactions to a message changed. Shows the message as it is now. The actor is null when several users reacted. */
export const messageReactions = defineKind({
  type: 'message.reactions',
  refers: ['message'],
  facts: {},
  fill: ({ message }) => ({ message }),
  author: nonceOwner,
  contradiction: notAfterMessage,
});
