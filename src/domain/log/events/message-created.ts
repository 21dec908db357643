import { isSameProfile } from '../../profile.js';
import { nonceOwner } from './about-message.js';
import { defineKind } from './kind.js';

/** The row in `messages` is the log entry: this kind has no row in `chat_events`. */
export const messageCreated = defineKind({
  type: 'message.created',
  refers: ['message'],
  facts: {},
  fill: ({ message }) => ({ message }),
  author: nonceOwner,
  contradiction: ({ seq, at, actor, message }) => {
    if (message.seq !== seq) return 'message.seq';
    if (message.createdAt !== at) return 'at';
    return actor && isSameProfile(actor, message.sender) ? undefined : 'actor';
  },
});
