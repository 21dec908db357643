import { messageOnWire } from '../messages.js';
import type { WireContent } from './content.js';

export const messageEdited: WireContent<'message.edited'> = ({ message }, audience) => ({
  message: messageOnWire(message, audience),
});
