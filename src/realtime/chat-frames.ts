import type { ChatMessage } from '../domain/log/chat-message.js';
import { requireScope, type Viewer } from '../domain/viewer.js';
import type { Services } from '../plugins/services.js';
import type { Frame } from '../wire/frame.js';
import { messageAckFrame, stateAckFrame } from '../wire/frames.js';
import type { ChatFrame, MessageChange, MessageEdit, MessageReaction, MessageSend, Read } from './protocol.js';

/** Whose frame it is, the chat that it is about, and where its answer goes. */
export interface FrameContext {
  services: Pick<Services, 'markers' | 'messageChanges' | 'messages' | 'reactions' | 'typing'>;
  viewer: Viewer;
  userId: string;
  chatId: string;
  answer(frame: Frame): void;
}

/** Does what a frame about a chat asks for, and answers it. @throws DomainError when it is refused */
export async function handleChatFrame(frame: ChatFrame, context: FrameContext): Promise<void> {
  const { messageChanges: changes, reactions } = context.services;
  switch (frame.type) {
    case 'message.send':
      return send(frame, context);
    case 'message.edit':
      return change(frame, context, (viewer, edit) => changes.edit(viewer, edit));
    case 'message.delete':
      return change(frame, context, (viewer, target) => changes.delete(viewer, target));
    case 'pin':
      return change(frame, context, (viewer, target) => changes.pin(viewer, target));
    case 'unpin':
      return change(frame, context, (viewer, target) => changes.unpin(viewer, target));
    case 'reaction.add':
      return change(frame, context, (viewer, reaction) => reactions.add(viewer, reaction));
    case 'reaction.remove':
      return change(frame, context, (viewer, reaction) => reactions.remove(viewer, reaction));
    case 'read':
      return markRead(frame, context);
    case 'typing':
      await context.services.typing.tell(context.viewer, { chatId: context.chatId, thread: frame.thread });
  }
}

async function send({ id, content, nonce, extras, wantsAck }: MessageSend, context: FrameContext): Promise<void> {
  const { services, userId, chatId } = context;
  const viewer = requireScope(context.viewer, 'write');
  const message = await services.messages.send(viewer, { chatId, content, nonce, ...extras });
  if (wantsAck) context.answer(messageAckFrame(id, message, userId));
}

/** Changes a message of the chat, and acknowledges the change. */
async function change<Frame extends MessageEdit | MessageChange | MessageReaction>(
  frame: Frame,
  { viewer, userId, chatId, answer }: FrameContext,
  make: (viewer: Viewer, input: Frame & { chatId: string }) => Promise<ChatMessage>,
): Promise<void> {
  answer(messageAckFrame(frame.id, await make(viewer, { ...frame, chatId }), userId));
}

/** Answered only with an `id`: a client that marks as it scrolls needs no answers. */
async function markRead({ id, seq, thread }: Read, { services, viewer, chatId, answer }: FrameContext): Promise<void> {
  const input = { chatId, seq, thread };
  if (id === undefined) await services.markers.move(viewer, input);
  else answer(stateAckFrame(id, await services.markers.markRead(viewer, input)));
}
