import { messageOnWire } from '../messages.js';
import type { WireContent } from './content.js';

export const messagePinned: WireContent<'message.pinned'> = ({ message }, audience) => ({
  message: messageOnWire(message, audience),
});
