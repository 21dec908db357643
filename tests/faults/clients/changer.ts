import type { Edge } from '../entries.js';
import type { Journal } from '../journal.js';
import type { Random } from '../random.js';
import type { Chat, User } from '../world.js';
import type { ChangeKind } from './change-kinds.js';
import { changing } from './changes.js';
import type { Undertaking } from './requester.js';
import { sending } from './sends.js';
import type { Targets } from './targets.js';

export interface ChangerOptions {
  /** A user may have several clients. */
  client: string;
  edge: Edge;
  user: User;
  isModerator: boolean;
  chats: readonly Chat[];
  /** Members who stay. */
  members: readonly User[];
  kinds: readonly ChangeKind[];
  targets: Targets;
  journal: Journal;
  random: Random;
}

/** Characters of a message. */
const CONTENT_LENGTH = 30;

/** Returns what a changer does next, each time another thing: a message that is not plain, or a change of messages that were sent. */
export function changer(options: ChangerOptions): () => Undertaking | undefined {
  const { client, user, isModerator, chats, members, targets, journal, random } = options;
  const kinds = kindsFor(options);
  let made = 0;
  return () => {
    made += 1;
    const id = `${client}-${made}`;
    const chat = random.pick(chats);
    const prepared = random.pick(kinds).prepare({ id, user, isModerator, chat, targets, random, members });
    if (!prepared) return undefined;
    return 'act' in prepared
      ? changing(journal, targets, user, client, { id, chat, ...prepared })
      : sending(journal, targets, user, { client, chat, nonce: id, contentLength: CONTENT_LENGTH, extras: prepared });
  };
}

/** Each as often as its weight says. */
function kindsFor({ kinds, edge, isModerator }: ChangerOptions): ChangeKind[] {
  return kinds
    .filter((kind) => (kind.edge ?? edge) === edge && (isModerator || !kind.moderators))
    .flatMap((kind) => Array.from({ length: kind.weight }, () => kind));
}
