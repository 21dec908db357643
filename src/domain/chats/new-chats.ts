import { v7 as uuidv7 } from 'uuid';
import type { ChatKind } from '../chat-kind.js';
import { type Database, query } from '../database.js';
import { DomainError } from '../errors.js';
import { checkExternalId } from '../external-id.js';
import type { Announce } from '../log/chat-events.js';
import { notAdminError, signInEnded } from '../people/acting-admin.js';
import { requireUser, type Viewer } from '../viewer.js';
import type { Visibility } from '../visibility.js';
import { checkChatName } from './chat-names.js';
import { chatTaken } from './chat-taken.js';
import { newEpoch } from './epochs.js';
import { checkChatMetadata, checkTopic } from './setting-values.js';

export interface NewChat {
  id: string;
  name: string;
  nameKey: string;
  epoch: string;
  lastSeq: number;
  createdAt: Date;
  kind: ChatKind;
  externalId: string | null;
}

export interface NewChatDetails {
  /** The chat's id in the product that this service is part of. Admins alone give it. */
  externalId?: string | null | undefined;
  /** Default: private. */
  visibility?: Visibility | null | undefined;
  topic?: string | null | undefined;
  metadata?: unknown;
}

/** Who makes group chats. */
export interface ChatCreation {
  /** Default: admins. */
  chatCreation?: 'admins' | 'users' | undefined;
}

/** The result of `create_chat`; its file in `prisma/functions` explains each outcome. */
interface Created {
  outcome: 'created' | 'signed_out' | 'no_admin';
  at: Date;
  is_owner: boolean;
}

const CREATE = { name: 'chat-create', text: 'SELECT * FROM create_chat($1, $2, $3, $4, $5)' };

/** Makes group chats. */
export class NewChats {
  constructor(
    private readonly db: Database,
    private readonly announce: Announce,
    private readonly options: ChatCreation = {},
  ) {}

  /**
   * Makes a chat. An admin's has no members. Anybody else becomes its owner, in the same transaction, if users may make chats at all.
   * @param creator undefined for the operator
   * @throws DomainError `BAD_USER_INPUT`; `CONFLICT` when a chat has the name, compared without case, or the external id; `FORBIDDEN`
   * or `UNAUTHENTICATED` when the creator may not make chats
   */
  async create(given: string, creator?: Viewer, details: NewChatDetails = {}): Promise<NewChat> {
    const { name, nameKey } = checkChatName('name', given);
    const { visibility, topic, metadata } = details;
    const externalId = details.externalId == null ? null : checkExternalId('externalId', details.externalId);
    const [id, epoch] = [uuidv7(), newEpoch()];
    const chat = { ...{ name, nameKey, epoch, externalId }, visibility: visibility ?? 'private' };
    const json = JSON.stringify({ ...chat, topic: checkTopic(topic ?? ''), metadata: checkChatMetadata(metadata) });
    const { at, is_owner } = await this.insert(id, json, creator);
    if (is_owner && creator) this.announceOwner(creator, { chatId: id, epoch, at });
    return { id, name, nameKey, epoch, lastSeq: is_owner ? 1 : 0, createdAt: at, kind: 'group', externalId };
  }

  private async insert(id: string, given: string, creator: Viewer | undefined): Promise<Created> {
    const user = creator && requireUser(creator);
    const byUsers = this.options.chatCreation === 'users' && user?.kind !== 'guest';
    const values = [id, user?.id ?? null, creator?.familyId ?? null, byUsers, given];
    const [created] = await query<Created>(this.db, CREATE, values).catch((error: unknown) => {
      throw chatTaken(error) ?? error;
    });
    if (created?.outcome === 'created') return created;
    if (!creator) throw new Error('An operator’s chat was not made.');
    if (created?.outcome === 'signed_out') throw signInEnded();
    throw byUsers ? externalIdOfAdmins() : await notAdminError(this.db, creator);
  }

  /** Announces the membership with which the chat begins. */
  private announceOwner(
    creator: Viewer,
    { chatId, epoch, at: time }: { chatId: string; epoch: string; at: Date },
  ): void {
    const user = requireUser(creator);
    const at = time.toISOString();
    const membership = { role: 'owner', joinedAt: at, mutedUntil: null } as const;
    this.announce({ type: 'member.added', chatId, epoch, seq: 1, at, actor: user, subject: user, membership });
  }
}

/** An external id is a name in the product's own system: who gives one takes it from the product. */
export function externalIdOfAdmins(): DomainError {
  return new DomainError('FORBIDDEN', 'Only an admin may give a chat an external id.', {
    field: 'externalId',
    rule: 'chat.role',
    needs: 'admin',
  });
}
