import type { ChatMessage } from '../domain/log/chat-message.js';
import type { Audience } from './audience.js';
import { userOnWire } from './people.js';

/** A message as JSON. Only its sender sees its nonce. */
export function messageOnWire({ id, seq, content, createdAt, sender, nonce }: ChatMessage, audience: Audience) {
  return {
    id,
    seq,
    content,
    createdAt,
    sender: userOnWire(sender),
    ...(audience === 'author' && nonce !== null && { nonce }),
  };
}
