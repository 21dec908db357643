import type { ChatHead } from '../../domain/chat-log.js';
import { badInput } from '../../domain/errors.js';
import { builder } from '../builder.js';
import type { GraphqlContext } from '../context.js';
import { loaders } from '../loaders.js';
import { checkPage, listWeight, MAX_PAGE, USUAL_LENGTH } from '../paging.js';

/**
 * A chat's id and head are all that it needs to stand behind another field, and whoever was let into the chat has them:
 * `message { chat { id cursor } }` reads nothing. What else is asked for Prisma reads, in one query for all chats that come
 * up together.
 */
export const Chat = builder.prismaObject('Chat', {
  select: { id: true, epoch: true, lastSeq: true },
  authScopes: ({ id }, context) => loaders(context).access.reader(id),
  fields: (t) => ({
    // Not exposed: what is exposed Prisma has to have read.
    id: t.id({ resolve: ({ id }) => id }),
    name: t.exposeString('name'),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    cursor: t.string({
      description:
        'Where the history of the chat stands. Never newer than what is read beside it, so that a stream which is opened ' +
        'after it misses nothing.',
      resolve: ({ id, epoch, lastSeq }, _args, context) => loaders(context).access.cursor(id, { epoch, seq: lastSeq }),
    }),
  }),
});

/** A chat that the viewer may reach. @throws DomainError `NOT_FOUND`. */
export async function enterChat(context: GraphqlContext, chatId: string) {
  return behind(await loaders(context).access.enter(chatId));
}

/** What the type `Chat` needs, from the head that came with the leave to enter. */
function behind({ chatId, epoch, seq }: ChatHead) {
  return { id: chatId, epoch, lastSeq: seq };
}

function headOf({ id, epoch, lastSeq }: ReturnType<typeof behind>): ChatHead {
  return { chatId: id, epoch, seq: lastSeq };
}

builder.queryFields((t) => ({
  chats: t.prismaField({
    type: [Chat],
    description: "The viewer's chats, and every chat for an admin, in the order in which they were created.",
    authScopes: { user: true },
    args: {
      first: t.arg.int({ description: `The most chats to return, 1 to ${MAX_PAGE}. Without it: ${MAX_PAGE}.` }),
      after: t.arg.id({ description: 'Only chats after the one with this id: the last of the page before.' }),
    },
    complexity: ({ first }) => listWeight(first, USUAL_LENGTH.chats, MAX_PAGE),
    resolve: async (query, _root, args, context) => {
      const { first, after } = checkPage(args);
      const chats = await context.db.prisma.chat.findMany({
        ...query,
        where: {
          ...context.services.chats.reachableBy(context.caller.viewer),
          ...(after !== undefined && { id: { gt: after } }),
        },
        orderBy: { id: 'asc' },
        take: first,
      });
      const { access } = loaders(context);
      for (const chat of chats) access.grant(headOf(chat));
      return chats;
    },
  }),
  chat: t.field({
    type: Chat,
    description:
      'By its id or by its name (in any case). Null when there is none or it is not yours: the two look the same.',
    nullable: true,
    authScopes: { user: true },
    args: { id: t.arg.id(), name: t.arg.string() },
    resolve: async (_root, { id, name }, context) => {
      const { access } = loaders(context);
      if (id != null && name == null) {
        const head = await access.find(id);
        return head ? behind(head) : null;
      }
      if (name == null || id != null) throw badInput('id', 'Give either the id of a chat or its name.');
      const chat = await context.services.chats.find(context.caller.viewer, { name });
      if (chat) access.grant(headOf(chat));
      return chat;
    },
  }),
}));

builder.mutationField('createChat', (t) =>
  t.field({
    type: Chat,
    description: 'Admins only. Answers CONFLICT when a chat of this name exists, in any case.',
    authScopes: { admin: true },
    args: {
      name: t.arg.string({
        required: true,
        description: '1 to 100 characters of any script, but no `/`. Unique in any case.',
      }),
    },
    resolve: async (_root, { name }, context) => {
      const chat = await context.services.chats.create(name);
      loaders(context).access.grant(headOf(chat));
      return chat;
    },
  }),
);
