import type {
  AccessExplanation as ExplanationShape,
  AccessStep as StepShape,
} from '../../../domain/messages/access-explanations.js';
import { requireViewer } from '../../../domain/viewer.js';
import { builder } from '../builder.js';
import { OWN_STATEMENT } from '../paging.js';
import { ChatActionEnum } from './membership.js';

const AccessStep = builder.objectRef<StepShape>('AccessStep').implement({
  description: 'One check of a decision.',
  fields: (t) => ({
    check: t.exposeString('check', { description: 'The rule that was checked, as in `extensions.rule` of a refusal.' }),
    passed: t.exposeBoolean('passed', { description: 'Whether it passed. The last one of a refusal did not.' }),
    detail: t.exposeString('detail', { nullable: true, description: 'Why it did not pass.' }),
  }),
});

const AccessExplanation = builder.objectRef<ExplanationShape>('AccessExplanation').implement({
  description: 'Whether a user may do something in a chat, and why.',
  fields: (t) => ({
    allowed: t.exposeBoolean('allowed', { description: 'Whether the user may.' }),
    rule: t.exposeString('rule', { nullable: true, description: 'The rule that refuses it; null when it is allowed.' }),
    chain: t.expose('chain', {
      type: [AccessStep],
      description: 'The checks in their order, up to the one that refuses.',
    }),
    until: t.expose('until', {
      type: 'DateTime',
      nullable: true,
      description:
        'When the refusal ends by itself: a mute, or slow mode. Null when it does not. A mute without an end has the year 9999.',
    }),
  }),
});

builder.queryFields((t) => ({
  explainAccess: t.field({
    type: AccessExplanation,
    description:
      'Whether a user may do something in a chat now, by the function that decides when they try, apart from the scopes of their ' +
      'token. Everybody may ask about themselves; moderators and owners of the chat, and admins, about everybody. For who is no ' +
      'member the rule is `chat.not_member`.',
    authScopes: { user: true },
    args: {
      userId: t.arg.id({ required: true, description: 'Who would do it.' }),
      chatId: t.arg.id({ required: true, description: 'The chat.' }),
      action: t.arg({ type: ChatActionEnum, required: true, description: 'What the user would do.' }),
      messageId: t.arg.id({
        description: 'The message that it is about. Without it, `edit` and `delete` are about the user’s own messages.',
      }),
    },
    complexity: { field: OWN_STATEMENT, multiplier: 1 },
    resolve: (_root, args, { services, caller }) =>
      services.accessExplanations.explain(requireViewer(caller.viewer), args),
  }),
}));
