import { messageOnWire } from '../messages.js';
import type { WireContent } from './content.js';

export const messageCreated: WireContent<'message.created'> = ({ message }, audience) => ({
  message: messageOnWire(message, audience),
});
