import './types/date-time.js';
import './types/user.js';
import './types/chat.js';
import './types/membership.js';
import './types/message.js';
import './types/chat-event.js';
import './types/sign-in.js';
import { lexicographicSortSchema, printSchema } from 'graphql';
import { builder } from './builder.js';

/** The whole schema. One serves every database of a process: the context says which. */
export const schema = builder.toSchema();

/** The SDL as schema.graphql holds it. */
export function printedSchema(): string {
  return `${printSchema(lexicographicSortSchema(schema))}\n`;
}
