import { extrasOf } from '../../domain/log/chat-message.js';
import { reactionOnWire } from '../messages.js';
import type { WireContent } from './content.js';

export const messageReactions: WireContent<'message.reactions'> = ({ message }) => ({
  messageId: message.id,
  messageSeq: message.seq,
  reactions: extrasOf(message).reactions.map(reactionOnWire),
});
