import {
  type AccessCheck,
  decide,
  hasRole,
  isAllowed,
  isAtLeast,
  type Subject,
  subjectOf,
} from '../chats/chat-access.js';
import { type ChatAction, DELETES_OTHERS } from '../chats/rights.js';
import type { Standing } from '../chats/standings.js';
import type { DomainError } from '../errors.js';
import { extrasOf, type PlainMessage } from '../log/chat-message.js';
import type { Viewer } from '../viewer.js';
import { editWindowOver, historyRefused, messageDeleted, notYours } from './message-refusals.js';

/** What can be done with a message. All but the last are actions in its chat too. */
export const MESSAGE_ACTIONS = ['reply', 'react', 'edit', 'delete', 'pin', 'report', 'readHistory'] as const;
export type MessageAction = (typeof MESSAGE_ACTIONS)[number];

/** Who does something with a message, and who they are in its chat. */
export interface MessageSubject extends Subject {
  userId: string | undefined;
  standing: Standing;
}

type Check = (rights: MessageSubject, message: PlainMessage) => DomainError | false;

/** Says what a user may do with a message. The functions that change messages check it again. */
export class MessageRights {
  constructor(private readonly options: { editWindowSeconds: number }) {}

  /**
   * What the viewer may do with the message now. Nothing can be done with a deleted message.
   * @param standing who the viewer is in the message's chat; undefined when there is no such chat any more
   */
  allowedActions(viewer: Viewer | null, standing: Standing | undefined, message: PlainMessage): MessageAction[] {
    if (!standing) return [];
    const subject = { ...subjectOf(viewer), userId: viewer?.user?.id, standing };
    return MESSAGE_ACTIONS.filter((action) => {
      if (action === 'readHistory')
        return (
          isAllowed(viewer, standing, 'read') && !isDeleted(message) && !this.historyDenial(viewer, standing, message)
        );
      return isAllowed(viewer, standing, action) && !this.decide(subject, action, message).at(-1)?.denial;
    });
  }

  /**
   * Decides whether this may be done with the message: what `decide` checks of the chat, and then the message's own rules. The checks up
   * to the first that does not pass, with that one.
   */
  decide(subject: MessageSubject, action: ChatAction, message: PlainMessage): AccessCheck[] {
    const checks = decide(subject, subject.standing, action);
    for (const [rule, check] of this.checksOf(action)) {
      if (checks.at(-1)?.denial) break;
      const error = check(subject, message);
      checks.push({ rule, denial: error ? { error } : undefined });
    }
    return checks;
  }

  /** @throws DomainError `FORBIDDEN`, rule `message.history`, for who neither sent the message nor may delete it */
  requireHistory(viewer: Viewer | null, standing: Standing | undefined, message: PlainMessage): void {
    const denial = this.historyDenial(viewer, standing, message);
    if (denial) throw denial;
  }

  private historyDenial(viewer: Viewer | null, standing: Standing | undefined, message: PlainMessage) {
    const isOwn = viewer?.user?.id === message.sender.id;
    return !isOwn && !isAtLeast(viewer, standing, DELETES_OTHERS) && historyRefused(DELETES_OTHERS);
  }

  /** By rule, in the order of the functions in `prisma/functions`. */
  private checksOf(action: ChatAction): readonly (readonly [rule: string, check: Check])[] {
    switch (action) {
      case 'edit':
        return [
          ['message.not_yours', ({ userId }, { sender }) => userId !== sender.id && notYours()],
          DELETED,
          ['edit.window', (_subject, message) => !this.isEditable(message) && editWindowOver()],
        ];
      case 'delete':
        return [
          [
            'message.not_yours',
            (subject, { sender }) =>
              subject.userId !== sender.id &&
              !hasRole(subject, subject.standing, DELETES_OTHERS) &&
              notYours(DELETES_OTHERS),
          ],
          DELETED,
        ];
      case 'reply':
      case 'react':
      case 'pin':
      case 'report':
        return [DELETED];
      default:
        return [];
    }
  }

  private isEditable({ createdAt }: PlainMessage): boolean {
    return Date.now() <= Date.parse(createdAt) + this.options.editWindowSeconds * 1000;
  }
}

const DELETED: readonly [string, Check] = [
  'message.deleted',
  (_subject, message) => isDeleted(message) && messageDeleted(),
];

function isDeleted(message: PlainMessage): boolean {
  return extrasOf(message).deletedAt !== null;
}
