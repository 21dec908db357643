import type {
  ReportReason,
  Report as ReportShape,
  ReportState,
  Resolution,
} from '../../../domain/moderation/reports.js';
import { requireViewer } from '../../../domain/viewer.js';
import { builder } from '../builder.js';
import { loaders } from '../loaders.js';
import { checkPage, listWeight, MAX_PAGE, USUAL_LENGTH } from '../paging.js';
import { Chat, chatOfHead } from './chat.js';
import { User } from './user.js';

const ReportReasonEnum = builder.enumType('ReportReason', {
  description: 'Why a message is reported.',
  values: {
    spam: { description: 'It is advertising, or repeats itself.' },
    abuse: { description: 'It hurts or threatens somebody.' },
    illegal: { description: 'It is against the law.' },
    other: { description: 'The note says what it is.' },
  } as const satisfies Record<ReportReason, object>,
});
const ResolutionEnum = builder.enumType('Resolution', {
  description: 'What became of a report.',
  values: {
    dismissed: { description: 'Nothing was done.' },
    removed: { description: 'The message was deleted.' },
    muted: { description: 'Its sender was muted.' },
    banned: { description: 'Its sender was banned.' },
  } as const satisfies Record<Resolution, object>,
});
const ReportStateEnum = builder.enumType('ReportState', {
  description: 'Whether a report waits for a moderator.',
  values: {
    open: { description: 'It waits for a moderator.' },
    resolved: { description: 'It was closed.' },
  } as const satisfies Record<ReportState, object>,
});

const Report = builder.objectRef<ReportShape>('Report').implement({
  description: 'A report of a message, with a copy of what it said then. It is kept for 90 days.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'For `resolveReport`.' }),
    chatId: t.exposeID('chatId', { description: 'The chat that the message is in.' }),
    chat: t.field({
      type: Chat,
      nullable: true,
      description: 'The same. Null if you may not read it, as other people’s direct chats and deleted ones.',
      resolve: async ({ chatId }, _args, context) => {
        const head = await loaders(context).access.find(chatId);
        return head ? chatOfHead(head) : null;
      },
    }),
    messageId: t.exposeID('messageId', { description: 'The message. It may be edited or deleted since.' }),
    content: t.exposeString('content', { description: 'What the message said when it was reported.' }),
    revision: t.exposeInt('revision', { description: 'The revision that said so.' }),
    sender: t.expose('sender', { type: User, description: 'Who sent the message.' }),
    reporter: t.expose('reporter', { type: User, nullable: true, description: 'Null when the account is gone.' }),
    reason: t.expose('reason', { type: ReportReasonEnum, description: 'What is wrong with it, to the reporter.' }),
    note: t.exposeString('note', { nullable: true, description: 'The reporter’s words.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was reported.' }),
    state: t.field({
      type: ReportStateEnum,
      description: 'Whether it waits for a moderator.',
      resolve: ({ resolvedAt }) => (resolvedAt ? 'resolved' : 'open'),
    }),
    resolution: t.expose('resolution', { type: ResolutionEnum, nullable: true, description: 'Null while it is open.' }),
    resolvedBy: t.expose('resolvedBy', {
      type: User,
      nullable: true,
      description: 'Who closed it; null while it is open, and when the account is gone.',
    }),
    resolvedAt: t.expose('resolvedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was closed; null while it is open.',
    }),
  }),
});

builder.queryField('reports', (t) =>
  t.field({
    type: [Report],
    description:
      'Reports, the oldest first: of a chat for its moderators, and without `chatId` of all chats, direct ones too, for admins.',
    authScopes: { user: true },
    args: {
      chatId: t.arg.id({ description: 'The chat. Without it: of all chats, for admins.' }),
      state: t.arg({
        type: ReportStateEnum,
        defaultValue: 'open',
        description: 'Only reports in this state.',
      }),
      first: t.arg.int({ description: `The most reports to return, 1 to ${MAX_PAGE}. The default is ${MAX_PAGE}.` }),
      after: t.arg.id({ description: 'The id of the last report of the previous page.' }),
    },
    complexity: ({ first }) => listWeight(first, USUAL_LENGTH.reports, MAX_PAGE),
    resolve: (_root, { chatId, state, ...page }, { services, caller }) =>
      services.reports.list(requireViewer(caller.viewer), { chatId, state: state ?? 'open', ...checkPage(page) }),
  }),
);

builder.mutationFields((t) => ({
  reportMessage: t.field({
    type: Report,
    description:
      'Reports a message to the moderators of its chat, and to admins. Your open report is returned again. Fails with CONFLICT, rule ' +
      '`message.deleted`, for a deleted message.',
    authScopes: { user: true },
    args: {
      chatId: t.arg.id({ required: true, description: 'The chat.' }),
      messageId: t.arg.id({ required: true, description: 'The message.' }),
      reason: t.arg({ type: ReportReasonEnum, required: true, description: 'What is wrong with it.' }),
      note: t.arg.string({ description: 'At most 500 characters.' }),
    },
    resolve: (_root, report, { services, caller }) => services.reports.report(requireViewer(caller.viewer), report),
  }),
  resolveReport: t.field({
    type: Report,
    description:
      'Closes a report. One that is closed stays as it is. It does nothing to the message or its sender. Takes the right `readReports`.',
    authScopes: { user: true },
    args: {
      id: t.arg.id({ required: true, description: 'The report.' }),
      resolution: t.arg({ type: ResolutionEnum, required: true, description: 'What became of it.' }),
      note: t.arg.string({ description: 'For the audit log. At most 500 characters.' }),
    },
    resolve: (_root, { id, resolution, note }, { services, caller }) =>
      services.reports.resolve(requireViewer(caller.viewer), id, resolution, note),
  }),
}));
