import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MATRIX, RAW_CHANNEL, type Row } from './matrix.js';
import { startWorld, type World } from './world.js';

/** Where a narrowed token is refused whatever chats it has: what is not of a chat. */
const NOT_OF_A_CHAT: Record<string, string> = {
  'Mutation.openDirectChat': 'FORBIDDEN',
  'Mutation.changePassword': 'FORBIDDEN',
  'Query.publicChats': 'FORBIDDEN',
  ...Object.fromEntries(
    ['id', 'name', 'topic', 'memberCount', 'createdAt'].map((field) => [`PublicChat.${field}`, 'FORBIDDEN']),
  ),
  'Mutation.deleteIncomingHook': 'FORBIDDEN',
  ...Object.fromEntries(
    [
      ...['Query.blockedUsers', 'Mutation.blockUser', 'Mutation.unblockUser', 'Mutation.resolveReport'],
      ...['Query.invitations', 'Mutation.acceptInvitation', 'Mutation.declineInvitation', 'Mutation.revokeInvitation'],
      ...['id', 'chat', 'inviter', 'role', 'createdAt', 'expiresAt'].map((field) => `Invitation.${field}`),
      ...['id', 'name', 'topic', 'memberCount', 'createdAt'].map((field) => `InvitedChat.${field}`),
    ].map((field) => [field, 'FORBIDDEN']),
  ),
};

/** Where somebody in another chat is answered otherwise than a stranger is: about that chat, and about oneself. */
const OF_ANOTHER_CHAT: Record<string, string> = {
  ...NOT_OF_A_CHAT,
  'Query.chats': 'ok',
  'Query.presence': 'ok',
  'Presence.userId': 'ok',
  'Presence.status': 'ok',
  'Presence.lastActiveAt': 'ok',
  'User.email': 'ok',
  'User.isActive': 'ok',
  'User.externalId': 'ok',
};

const rows = Object.entries(MATRIX);

describe('a token that is narrowed to another chat', () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld({ narrowedTo: 'another chat' });
  });
  afterAll(() => world.close());

  const answered = (field: string, { answers, overHttp }: Row, isHttp: boolean) =>
    isHttp && overHttp ? overHttp.stranger : (OF_ANOTHER_CHAT[field] ?? answers.stranger);

  it.each(rows)('finds nothing of this one, over HTTP and over a socket: %s', async (field, row) => {
    const query = row.document(world.ids, world.tokens.member);
    const isRefusedFirst = field in NOT_OF_A_CHAT;
    const overHttp = isRefusedFirst ? 'FORBIDDEN' : answered(field, row, true);
    expect(await world.overHttp('member', query)).toBe(overHttp);
    expect(await world.overSocket('member', query)).toBe(answered(field, row, false));
  });

  it('opens no raw channel and no event stream of this one', async () => {
    const { open, receive } = RAW_CHANNEL.stranger;
    expect(await world.overRaw('member')).toEqual(RAW_CHANNEL.stranger);
    expect(await world.overEvents('member')).toEqual({ open, receive });
  });
});

describe('a token that is narrowed to the chat', () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld({ narrowedTo: 'the chat' });
  });
  afterAll(() => world.close());

  it.each(rows)('has the rights of a member in it, and no others: %s', async (field, { document, answers }) => {
    for (const caller of ['member', 'readOnly'] as const) {
      const expected = NOT_OF_A_CHAT[field] ?? answers[caller];
      expect(await world.overSocket(caller, document(world.ids, world.tokens[caller])), caller).toBe(expected);
    }
  });

  it.each(['member', 'readOnly'] as const)('opens its raw channel and its event stream: %s', async (caller) => {
    expect(await world.overRaw(caller)).toEqual(RAW_CHANNEL[caller]);
    const { open, receive } = RAW_CHANNEL[caller];
    expect(await world.overEvents(caller)).toEqual({ open, receive });
  });
});
