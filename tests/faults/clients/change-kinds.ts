import { type Edge, markOf } from '../entries.js';
import type { Random } from '../random.js';
import type { Chat, User } from '../world.js';
import type { OutgoingChange } from './changes.js';
import type { SendExtras } from './sends.js';
import type { Target, Targets } from './targets.js';

/** What a changer does: a message that is not plain, or a change of messages; undefined when nothing fits. */
export interface ChangeKind {
  name: string;
  /** Shares of all that is done. */
  weight: number;
  /** The edge that has no other. */
  edge?: Edge;
  moderators?: true;
  prepare: (at: Occasion) => SendExtras | Omit<OutgoingChange, 'id' | 'chat'> | undefined;
}

/** When something is to be done. */
export interface Occasion {
  /** A name that nothing else has. */
  id: string;
  user: User;
  isModerator: boolean;
  chat: Chat;
  targets: Targets;
  random: Random;
  /** Members who stay. */
  members: readonly User[];
}

const EMOJI = ['👍', '🎉', '❤️', '👩‍🚀', ':party:'];

const EDITS: readonly ChangeKind[] = [
  {
    name: 'edit',
    weight: 3,
    prepare: (at) => edit(at, () => ({ metadata: at.random.pick([{ note: `${markOf(at.id)}元` }, null]) })),
  },
  { name: 'edit of a revision', weight: 3, prepare: (at) => edit(at, ({ revision }) => ({ revision })) },
  { name: 'edit that mentions', weight: 1, prepare: (at) => edit(at, () => ({ mentions: mentionsOf(at) })) },
];

const DELETIONS: readonly ChangeKind[] = [
  { name: 'deletion', weight: 2, prepare: (at) => onTargets('delete', ownOrOthers(at, 1)) },
  { name: 'deletion of several', weight: 1, edge: 'graphql', prepare: (at) => onTargets('delete', ownOrOthers(at, 4)) },
];

const PINS: readonly ChangeKind[] = [
  { name: 'pin', weight: 2, moderators: true, prepare: (at) => onTargets('pin', anybodys(at)) },
  { name: 'unpin', weight: 2, moderators: true, prepare: (at) => onTargets('unpin', anybodys(at)) },
];

const REACTIONS: readonly ChangeKind[] = [
  { name: 'reaction', weight: 4, prepare: (at) => onTargets('react', anybodys(at), { emoji: at.random.pick(EMOJI) }) },
  {
    name: 'reaction taken back',
    weight: 2,
    prepare: (at) => onTargets('take back', anybodys(at), { emoji: at.random.pick(EMOJI) }),
  },
];

const SENDS: readonly ChangeKind[] = [
  { name: 'quote', weight: 2, prepare: (at) => withTarget(at, ({ id }) => ({ replyTo: id })) },
  { name: 'reply', weight: 4, prepare: (at) => withTarget(at, (target) => ({ thread: rootOf(target) })) },
  {
    name: 'reply in the timeline too',
    weight: 1,
    prepare: (at) => withTarget(at, (target) => ({ thread: rootOf(target), alsoInChat: true, replyTo: target.id })),
  },
  { name: 'mention', weight: 1, prepare: (at) => ({ mentions: mentionsOf(at) }) },
  { name: 'message with metadata', weight: 1, prepare: ({ id }) => ({ metadata: { note: `${markOf(id)}元` } }) },
];

/** All that changers do. */
export const CHANGE_KINDS: readonly ChangeKind[] = [...EDITS, ...DELETIONS, ...PINS, ...REACTIONS, ...SENDS];

type Details = Partial<Pick<OutgoingChange, 'revision' | 'metadata' | 'mentions' | 'emoji'>>;

/** Of an own message, which a second client of the user may be editing too. */
function edit(at: Occasion, details: (target: Target) => Details) {
  const [target] = at.targets.some(at.random, at.chat.id, 1, at.user.id);
  // The service refuses the eleventh edit within a minute.
  if (!target || target.revision >= 8) return undefined;
  return { act: 'edit' as const, messages: [target], content: `${markOf(at.id)}第二版`, ...details(target) };
}

function onTargets(act: OutgoingChange['act'], messages: Target[], details: Details = {}) {
  return messages.length > 0 ? { act, messages, ...details } : undefined;
}

function withTarget(at: Occasion, extras: (target: Target) => SendExtras): SendExtras | undefined {
  const [target] = anybodys(at);
  return target && extras(target);
}

function anybodys({ targets, random, chat }: Occasion): Target[] {
  return targets.some(random, chat.id, 1);
}

/** Members delete what is theirs, moderators also what is others'. */
function ownOrOthers({ targets, random, chat, user, isModerator }: Occasion, count: number): Target[] {
  return targets.some(random, chat.id, count, isModerator ? undefined : user.id);
}

function mentionsOf({ random, members }: Occasion): string[] {
  return [...new Set([random.pick(members).id, random.pick(members).id])];
}

/** A thread's root is a message of the main timeline. */
function rootOf({ id, thread }: Target): string {
  return thread ?? id;
}
