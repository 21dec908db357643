import type { AuditRow, AuditHead as HeadShape, AuditPage as PageShape } from '../../../domain/moderation/audit-log.js';
import { checkText } from '../../../domain/text.js';
import { builder } from '../builder.js';
import { loaders } from '../loaders.js';
import { checkBetween, listWeight, MAX_PAGE, MAX_SEQ, USUAL_LENGTH } from '../paging.js';
import { User } from './user.js';

const DEFAULT_PAGE = 100;

const AuditEntry = builder.objectRef<AuditRow>('AuditEntry').implement({
  description:
    'An act with the rights of an admin, a moderator or an operator. Entries are a chain: each hash is the SHA-256 of the hash before it, ' +
    '32 zero bytes for the first, and of `entry`.',
  authScopes: { admin: true },
  fields: (t) => ({
    seq: t.exposeInt('seq', { description: 'Its number. The first is 1, and none is missing.' }),
    at: t.field({ type: 'DateTime', description: 'When it was done.', resolve: ({ at }) => new Date(at) }),
    actor: t.field({
      type: User,
      nullable: true,
      description: 'Who did it. Null for an operator.',
      resolve: async ({ actorId }, _args, context) =>
        actorId === null ? null : ((await loaders(context).profiles.load(actorId)) ?? null),
    }),
    clientId: t.exposeID('clientId', {
      nullable: true,
      description: 'The `client_id` of the application with whose token it was done.',
    }),
    action: t.exposeString('action', {
      description: 'What was done: the type of the chat’s event where there is one, as `member.removed`.',
    }),
    chatId: t.exposeID('chatId', { nullable: true, description: 'The chat that it is about.' }),
    target: t.exposeString('target', {
      nullable: true,
      description: 'The id of what it was done to: a user, a message, an application.',
    }),
    reason: t.exposeString('reason', {
      nullable: true,
      description: 'The actor’s words. Null when there were none, or when they were erased.',
    }),
    entry: t.exposeString('entry', {
      description:
        'The canonical JSON (RFC 8785) exactly as it was hashed: `seq`, `at`, `actor`, `client`, `action`, `chat`, `target`, `data`, and in ' +
        '`reason` the salted hash of the words.',
    }),
    hash: t.string({ description: '64 hexadecimal digits.', resolve: ({ hash }) => hash.toString('hex') }),
  }),
});

const AuditPage = builder.objectRef<PageShape>('AuditPage').implement({
  description: 'Some entries of the audit log.',
  authScopes: { admin: true },
  fields: (t) => ({
    entries: t.expose('entries', { type: [AuditEntry], description: 'The entries, oldest first.' }),
    next: t.exposeInt('next', {
      nullable: true,
      description: 'What to give as `after` for the next page. Null on the last one.',
    }),
  }),
});

const AuditHead = builder.objectRef<HeadShape>('AuditHead').implement({
  description: 'The end of the audit log. Kept elsewhere, it proves later that the log up to it was not changed.',
  authScopes: { admin: true },
  fields: (t) => ({
    seq: t.exposeInt('seq', { description: 'The number of the newest entry. 0 before the first.' }),
    hash: t.string({ description: 'Its hash, 64 hexadecimal digits.', resolve: ({ hash }) => hash.toString('hex') }),
  }),
});

builder.queryFields((t) => ({
  auditLog: t.field({
    type: AuditPage,
    description:
      'The audit log, oldest first. The filters together select entries for which all of them hold. Admins only.',
    authScopes: { admin: true },
    args: {
      after: t.arg.int({ description: 'The number of the last entry that you have. The default is 0.' }),
      first: t.arg.int({ defaultValue: DEFAULT_PAGE, description: `The most entries to return, 1 to ${MAX_PAGE}.` }),
      actorId: t.arg.id({ description: 'Only what this user did.' }),
      action: t.arg.string({ description: 'Only such acts.' }),
      chatId: t.arg.id({ description: 'Only what is about this chat.' }),
    },
    complexity: ({ first }) => listWeight(first, USUAL_LENGTH.auditEntries, MAX_PAGE),
    resolve: (_root, { after, first, action, ...ids }, { services }) =>
      services.auditLog.page({
        after: checkBetween('after', after ?? 0, 0, MAX_SEQ),
        first: checkBetween('first', first ?? DEFAULT_PAGE, 1, MAX_PAGE),
        action: action == null ? null : checkText('action', action, { min: 1, max: 100 }),
        ...ids,
      }),
  }),
  auditHead: t.field({
    type: AuditHead,
    description: 'The end of the audit log. Admins only.',
    authScopes: { admin: true },
    resolve: (_root, _args, { services }) => services.auditLog.head(),
  }),
}));
