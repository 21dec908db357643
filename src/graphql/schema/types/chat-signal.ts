import type { UserProfile } from '../../../domain/profile.js';
import {
  MAX_RECEIPTS,
  type ReceiptSignal as ReceiptShape,
  type ChatSignal as Signal,
  type TypingSignal as TypingShape,
} from '../../../domain/signals.js';
import { requireViewer } from '../../../domain/viewer.js';
import { openSignals } from '../../streams/open-stream.js';
import { builder } from '../builder.js';
import { loaders } from '../loaders.js';
import { SHARED, TRANSIENT } from '../shared.js';
import { User } from './user.js';

const TypingSignal = builder.objectRef<TypingShape>('TypingSignal').implement({
  description: 'Somebody is writing. Forget it after 6 seconds, and when a message of this user comes.',
  authScopes: { user: true },
  fields: (t) => ({
    user: t.expose('user', { type: User, description: 'Who writes.', extensions: SHARED }),
    thread: t.exposeID('thread', {
      nullable: true,
      description: 'The id of the message in whose thread they write. Null in the main timeline.',
      extensions: SHARED,
    }),
  }),
});

const Receipt = builder.objectRef<{ user: UserProfile; seq: number }>('Receipt').implement({
  description: 'A member has read the main timeline up to this number.',
  authScopes: { user: true },
  fields: (t) => ({
    user: t.expose('user', { type: User, description: 'Who has read it.', extensions: SHARED }),
    seq: t.exposeInt('seq', {
      description: 'The number of the newest message that they have read.',
      extensions: SHARED,
    }),
  }),
});

const ReceiptSignal = builder.objectRef<ReceiptShape>('ReceiptSignal').implement({
  description: 'What members have read since the last one. Chats with many members have none.',
  authScopes: { user: true },
  fields: (t) => ({
    reads: t.field({
      type: [Receipt],
      description: `At most ${MAX_RECEIPTS}, one for each user. The rest comes with the next signal.`,
      extensions: SHARED,
      resolve: async ({ reads }, _args, context) => {
        const { profiles } = loaders(context);
        const users = await Promise.all(reads.map(({ userId }) => profiles.load(userId)));
        // A user may be gone by now.
        return reads.flatMap(({ seq }, index) => {
          const user = users[index];
          return user ? { user, seq } : [];
        });
      },
    }),
  }),
});

const ChatSignal = builder.unionType('ChatSignal', {
  description: 'Something of the moment: it has no number, and may be lost.',
  types: [TypingSignal, ReceiptSignal],
  resolveType: ({ type }: Signal) => (type === 'typing' ? TypingSignal : ReceiptSignal),
});

builder.subscriptionField('chatSignals', (t) =>
  t.field({
    type: ChatSignal,
    description:
      'Who is writing in a chat, other than yourself, and what its members have read. Completes after you are removed from the chat. ' +
      'If you read slowly, signals are left out.',
    args: { chatId: t.arg.id({ required: true, description: 'The chat.' }) },
    extensions: TRANSIENT,
    subscribe: (_root, { chatId }, context) => openSignals(context, { chatId }),
    resolve: (signal) => signal,
  }),
);

builder.mutationField('setTyping', (t) =>
  t.boolean({
    description:
      'Tells the others of a chat that you are writing; call it about every 3 seconds while you do. Returns false when nobody was ' +
      'told: within 3 seconds of the last time, and in chats with more than 1000 members. Whoever may send to the chat may.',
    authScopes: { user: true },
    args: {
      chatId: t.arg.id({ required: true, description: 'The chat.' }),
      thread: t.arg.id({ description: 'The id of the message in whose thread you write.' }),
    },
    resolve: (_root, input, { services, caller }) => services.typing.tell(requireViewer(caller.viewer), input),
  }),
);
