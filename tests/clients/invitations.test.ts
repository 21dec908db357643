import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  acceptInvitation,
  createInviteLink,
  declineInvitation,
  invite,
  listInviteLinks,
  openInvitations,
  revokeInvitation,
} from '../../clients/typescript/src/invitations.js';
import { type ClientTeam, startClientTeam, TRANSPORTS, until } from './client-team.js';

let team: ClientTeam;
beforeAll(async () => {
  team = await startClientTeam();
});
afterEach(() => team.closeClients());
afterAll(() => team.close());

describe.each(TRANSPORTS)('invitations over %s', (_name, transport) => {
  it('come, are declined, revoked and accepted', async () => {
    const [ann, bob] = [await team.newPerson('ann'), await team.newPerson('bob')];
    const chats = [await team.newChat(ann), await team.newChat(ann), await team.newChat(ann)];
    const admin = team.client({ id: '', username: 'admin' }, { transport: transport() });
    const client = team.client(bob, { transport: transport(), random: () => 0 });
    const invitations = openInvitations(client);
    const stop = invitations.subscribe(() => {});
    expect((await invitations.ready()).invitations).toEqual([]);
    const made = [];
    for (const { id } of chats) made.push(await invite(admin, id, bob.id));
    const state = await until(invitations, (now) => now.invitations.length === 3);
    expect(state.invitations[2]).toMatchObject({ chat: { name: chats[0]?.name }, inviter: { username: 'admin' } });
    await declineInvitation(client, made[0]?.id ?? '');
    await revokeInvitation(admin, made[1]?.id ?? '');
    const isCut = until(client.status, ({ state }) => state !== 'live');
    team.proxy.cut();
    await isCut;
    await until(invitations, (now) => now.invitations.length === 1);
    await until(client.status, ({ state }) => state === 'live');
    expect(await acceptInvitation(client, { id: made[2]?.id ?? '' })).toBe(chats[2]?.id);
    await until(invitations, (now) => now.invitations.length === 0);
    await until(client.inbox(), ({ items }) => items.some(({ chat }) => chat.id === chats[2]?.id));
    stop();
  });

  it('by a link are accepted by its code', async () => {
    const [ann, bob] = [await team.newPerson('ann'), await team.newPerson('bob')];
    const chat = await team.newChat(ann);
    const admin = team.client({ id: '', username: 'admin' }, { transport: transport() });
    const client = team.client(bob, { transport: transport() });
    const { id, code } = await createInviteLink(admin, chat.id, { maxUses: 1 });
    expect(await acceptInvitation(client, { code: code ?? '' })).toBe(chat.id);
    expect(await listInviteLinks(admin, chat.id)).toMatchObject([{ id, code: null, uses: 1, maxUses: 1 }]);
    expect(await revokeInvitation(admin, id)).toBe(true);
    expect((await client.room(chat.id).ready()).members.map(({ user }) => user.id)).toContain(bob.id);
  });
});
