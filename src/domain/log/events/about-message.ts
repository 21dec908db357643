import type { ChatMessage } from '../chat-message.js';

interface AboutMessage {
  seq: number;
  message: ChatMessage;
}

/** The rule `author` of events that show a message: its sender sees the nonce. */
export function nonceOwner({ message }: AboutMessage): string | null {
  return message.nonce === null ? null : message.sender.id;
}

/** The rule `contradiction` of a later change of a message. */
export function notAfterMessage({ seq, message }: AboutMessage): string | undefined {
  return message.seq < seq ? undefined : 'message.seq';
}
