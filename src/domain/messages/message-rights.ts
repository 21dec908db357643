import { allowedActions, isAtLeast } from '../chats/chat-access.js';
import { DELETES_OTHERS } from '../chats/rights.js';
import type { Standing } from '../chats/standings.js';
import { extrasOf, type PlainMessage } from '../log/chat-message.js';
import type { Viewer } from '../viewer.js';
import { historyRefused } from './message-refusals.js';

/** What can be done with a message. */
export const MESSAGE_ACTIONS = ['reply', 'react', 'edit', 'delete', 'pin', 'report', 'readHistory'] as const;
export type MessageAction = (typeof MESSAGE_ACTIONS)[number];

/** Says what a viewer may do with a message. The functions that change messages check it again. */
export class MessageRights {
  constructor(private readonly options: { editWindowSeconds: number }) {}

  /**
   * What the viewer may do with the message now. Nothing can be done with a deleted message.
   * @param standing who the viewer is in the message's chat; undefined when there is no such chat any more
   */
  allowedActions(viewer: Viewer | null, standing: Standing | undefined, message: PlainMessage): MessageAction[] {
    if (extrasOf(message).deletedAt !== null) return [];
    const inChat = allowedActions(viewer, standing);
    const isOwn = isSender(viewer, message);
    const may: Record<MessageAction, boolean> = {
      reply: inChat.includes('reply'),
      react: inChat.includes('react'),
      edit: isOwn && inChat.includes('edit') && this.isEditable(message),
      delete: inChat.includes('delete') && (isOwn || isAtLeast(viewer, standing, DELETES_OTHERS)),
      pin: inChat.includes('pin'),
      report: inChat.includes('report'),
      readHistory: inChat.includes('read') && (isOwn || isAtLeast(viewer, standing, DELETES_OTHERS)),
    };
    return MESSAGE_ACTIONS.filter((action) => may[action]);
  }

  /** @throws DomainError `FORBIDDEN`, rule `message.history`, for who neither sent the message nor may delete it */
  requireHistory(viewer: Viewer | null, standing: Standing | undefined, message: PlainMessage): void {
    if (isSender(viewer, message) || isAtLeast(viewer, standing, DELETES_OTHERS)) return;
    throw historyRefused(DELETES_OTHERS);
  }

  private isEditable({ createdAt }: PlainMessage): boolean {
    return Date.now() <= Date.parse(createdAt) + this.options.editWindowSeconds * 1000;
  }
}

function isSender(viewer: Viewer | null, { sender }: PlainMessage): boolean {
  return viewer?.user?.id === sender.id;
}
