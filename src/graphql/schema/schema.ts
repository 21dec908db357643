import './types/date-time.js';
import './types/json.js';
import './types/user.js';
import './types/audit.js';
import './types/bot.js';
import './types/chat.js';
import './types/membership.js';
import './types/chat-settings.js';
import './types/moderation.js';
import './types/access-explanation.js';
import './types/public-chats.js';
import './types/bulk.js';
import './types/message.js';
import './types/message-changes.js';
import './types/message-history.js';
import './types/pins.js';
import './types/reaction.js';
import './types/thread.js';
import './types/mentions.js';
import './types/chat-state.js';
import './types/inbox.js';
import './types/markers.js';
import './types/readers.js';
import './types/chat-event.js';
import './events/types.js';
import './types/chat-signal.js';
import './types/presence.js';
import './types/sign-in.js';
import './types/invitation.js';
import './types/report.js';
import './types/block.js';
import './types/issued-token.js';
import './types/incoming-hook.js';
import { lexicographicSortSchema, printSchema } from 'graphql';
import { builder } from './builder.js';

/** The schema. It holds no state: the database comes with each operation's context. */
export const schema = builder.toSchema();

/** The SDL, as committed in schema.graphql. */
export function printedSchema(): string {
  return `${printSchema(lexicographicSortSchema(schema))}\n`;
}
