import type { ChatKind } from '../../../domain/chat-kind.js';
import type { ChatReference } from '../../../domain/chats/chats.js';
import { MAX_CHAT_METADATA_BYTES, MAX_TOPIC_LENGTH } from '../../../domain/chats/setting-values.js';
import { createdSeqOf } from '../../../domain/created-seq.js';
import { badInput } from '../../../domain/errors.js';
import type { ChatHead } from '../../../domain/log/chat-log.js';
import { requireViewer } from '../../../domain/viewer.js';
import { builder } from '../builder.js';
import type { GraphqlContext } from '../context.js';
import { loaders } from '../loaders.js';
import { checkPage, listWeight, MAX_PAGE, USUAL_LENGTH } from '../paging.js';
import { SHARED } from '../shared.js';
import { VisibilityEnum } from './visibility.js';

export const EXTERNAL_ID =
  'The chat’s id in your product: 1 to 200 characters, no control characters. Unique. Admins only.';
export const CHAT_NAME =
  '1 to 100 characters of any script, without `/`. Unique regardless of case. Not like an id or the name of a direct chat.';
export const TOPIC = `At most ${MAX_TOPIC_LENGTH} characters.`;
export const CHAT_METADATA = `A JSON object of at most ${MAX_CHAT_METADATA_BYTES / 1024} KiB and five levels, for whatever your clients need.`;

const ChatKindEnum = builder.enumType('ChatKind', {
  description: 'How many people a chat is for.',
  values: {
    group: { description: 'Of any number of members.' },
    direct: { description: 'Of the same two users for ever, who both have the role `member`.' },
  } as const satisfies Record<ChatKind, object>,
});

/**
 * Another field can return a chat by its id and head alone, which the access check has read: `message { chat { id cursor } }` needs
 * no query. Prisma reads the other fields that are selected, in one query for all chats requested together.
 */
export const Chat = builder.prismaObject('Chat', {
  description:
    'A conversation. Its members can read it, and admins can read group chats; `viewerCan` says what else the viewer may do.',
  select: { id: true, epoch: true, lastSeq: true },
  authScopes: ({ id }, context) => loaders(context).access.reader(id),
  fields: (t) => ({
    // Resolved and not exposed, because Prisma would read an exposed field.
    id: t.id({ description: 'Stays the same when the chat is renamed.', resolve: ({ id }) => id, extensions: SHARED }),
    name: t.exposeString('name', { description: 'Of a direct chat, `dm-` and its id.', extensions: SHARED }),
    kind: t.expose('kind', {
      type: ChatKindEnum,
      description: 'Whether it is a group or a direct chat. It never changes.',
      extensions: SHARED,
    }),
    createdAt: t.expose('createdAt', {
      type: 'DateTime',
      description: 'When the chat was created.',
      extensions: SHARED,
    }),
    externalId: t.exposeString('externalId', {
      nullable: true,
      description: 'The chat’s id in the product that this service is part of, if it has one.',
      extensions: SHARED,
    }),
    cursor: t.string({
      description:
        'The position of the newest change. It is never newer than what the same request reads, so a stream that you open ' +
        'with it misses nothing.',
      resolve: ({ id, epoch, lastSeq }, _args, context) => loaders(context).access.cursor(id, { epoch, seq: lastSeq }),
      extensions: SHARED,
    }),
  }),
});

/** Returns a chat after an access check. @throws DomainError `NOT_FOUND` */
export async function enterChat(context: GraphqlContext, chatId: string) {
  return chatOfHead(await loaders(context).access.enter(chatId));
}

/** The source of the type `Chat`, from the head that the access check returned. */
export function chatOfHead({ chatId, epoch, seq }: ChatHead) {
  return { id: chatId, epoch, lastSeq: seq };
}

function headOf({ id, epoch, lastSeq }: ReturnType<typeof chatOfHead>): ChatHead {
  return { chatId: id, epoch, seq: lastSeq };
}

interface GivenReferences {
  id?: string | null | undefined;
  name?: string | null | undefined;
  externalId?: string | null | undefined;
}

/** @throws DomainError `BAD_USER_INPUT` unless exactly one is given */
function onlyReference({ id, name, externalId }: GivenReferences): ChatReference {
  const references: ChatReference[] = [];
  if (id != null) references.push({ id });
  if (name != null) references.push({ name });
  if (externalId != null) references.push({ externalId });
  const [reference] = references;
  if (!reference || references.length > 1) throw badInput('id', 'Give one of id, name and externalId.');
  return reference;
}

builder.queryFields((t) => ({
  chats: t.prismaField({
    type: [Chat],
    description:
      'Your chats, in the order of their creation. For an admin also every other group chat; other people’s direct chats only if ' +
      'the service is set up so.',
    authScopes: { user: true },
    args: {
      first: t.arg.int({ description: `The most chats to return, 1 to ${MAX_PAGE}. The default is ${MAX_PAGE}.` }),
      after: t.arg.id({ description: 'The id of the last chat of the previous page.' }),
    },
    complexity: ({ first }) => listWeight(first, USUAL_LENGTH.chats, MAX_PAGE),
    resolve: async (query, _root, args, context) => {
      const { first, after } = checkPage(args);
      const chats = await context.db.prisma.chat.findMany({
        ...query,
        where: {
          ...context.services.chats.reachableBy(context.caller.viewer),
          createdSeq: { gt: await createdSeqOf(context.db, 'chats', after) },
        },
        orderBy: { createdSeq: 'asc' },
        take: first,
      });
      await context.services.chats.noteReads(
        context.caller.viewer,
        chats.map(({ id }) => id),
      );
      const { access } = loaders(context);
      for (const chat of chats) access.grant(headOf(chat));
      return chats;
    },
  }),
  chat: t.field({
    type: Chat,
    description:
      'A chat, by its id, by its name (in any case) or by its external id: give one of them. Null if there is none, or if you may ' +
      'not read it: the two look the same.',
    nullable: true,
    authScopes: { user: true },
    args: {
      id: t.arg.id({ description: 'The chat’s id here.' }),
      name: t.arg.string({ description: 'The chat’s name, in any case.' }),
      externalId: t.arg.string({ description: 'The chat’s id in your product.' }),
    },
    resolve: async (_root, args, context) => {
      const { access } = loaders(context);
      const reference = onlyReference(args);
      if ('id' in reference) {
        const head = await access.find(reference.id);
        return head ? chatOfHead(head) : null;
      }
      const head = await context.services.chats.find(context.caller.viewer, reference);
      return head ? chatOfHead(access.grant(head)) : null;
    },
  }),
}));

builder.mutationField('createChat', (t) =>
  t.field({
    type: Chat,
    description:
      'Creates a chat. Fails with CONFLICT if a chat has this name, in any case, or this external id. Admins only, unless the service ' +
      'lets everybody: then who is no admin becomes its owner. An admin’s chat begins without members.',
    authScopes: { user: true },
    args: {
      name: t.arg.string({ required: true, description: CHAT_NAME }),
      visibility: t.arg({ type: VisibilityEnum, defaultValue: 'private', description: 'Who finds the chat.' }),
      topic: t.arg.string({ description: TOPIC }),
      metadata: t.arg({ type: 'JSON', description: CHAT_METADATA }),
      externalId: t.arg.string({ description: EXTERNAL_ID }),
    },
    resolve: async (_root, { name, ...details }, context) => {
      const chat = await context.services.chats.create(name, requireViewer(context.caller.viewer), details);
      loaders(context).access.grant(headOf(chat));
      return chat;
    },
  }),
);

builder.mutationField('openDirectChat', (t) =>
  t.field({
    type: Chat,
    description:
      'The direct chat of you and another user. The first call makes it; you two have one for ever. Fails with FORBIDDEN (rule ' +
      '`user.inactive`) if the user is not active.',
    authScopes: { user: true },
    args: { userId: t.arg.id({ required: true, description: 'The other user.' }) },
    resolve: async (_root, { userId }, context) => {
      const head = await context.services.directChats.open(requireViewer(context.caller.viewer), userId);
      return chatOfHead(loaders(context).access.grant(head));
    },
  }),
);
