// What the shop's backend asks of the chat service. Your product imports the client library from '@chat-api/client'.
import { createChatClient } from '../../clients/typescript/src/client.js';

export interface ChatAccess {
  /** The service's origin. */
  url: string;
  /** What `manage createapplication --service-user shop --role admin --grants issue_token` prints. */
  clientId: string;
  clientSecret: string;
}

export interface Customer {
  id: string;
  username: string;
}

export function createChat({ url, clientId, clientSecret }: ChatAccess) {
  const service = createChatClient({ url, token: fetchOwnToken });

  /** The backend's own token. The client asks for the next one when this one has expired. */
  async function fetchOwnToken(): Promise<string> {
    const response = await fetch(`${url}/oauth/token/`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret }),
    });
    if (!response.ok) throw new Error(`The chat service gave the shop no token: ${await response.text()}`);
    const { access_token: token }: { access_token: string } = JSON.parse(await response.text());
    return token;
  }

  return {
    url,
    /** Makes the customers and a chat of all of them, where they are not there yet. Resolves to the chat's id. */
    async createRoom(externalId: string, name: string, customers: readonly Customer[]): Promise<string> {
      const users = customers.map(({ id, username }) => ({ externalId: id, username }));
      await service.request('mutation ($users: [UserInput!]!) { upsertUsers(users: $users) { id } }', { users });
      const { upsertChats } = await service.request<{ upsertChats: [{ id: string }] }>(
        'mutation ($chats: [ChatInput!]!) { upsertChats(chats: $chats) { id } }',
        { chats: [{ externalId, name }] },
      );
      const [{ id }] = upsertChats;
      await service.request(
        'mutation ($id: ID!, $members: [MemberInput!]!) { setChatMembers(chatId: $id, exactly: $members) { role } }',
        { id, members: customers.map((customer) => ({ externalId: customer.id })) },
      );
      return id;
    },
    /** A token of this customer that reaches this chat, for ten minutes. */
    async issueToken(customer: Customer, chatId: string): Promise<string> {
      const { issueToken } = await service.request<{ issueToken: { accessToken: string } }>(
        'mutation ($user: TokenUser!, $chats: [ID!]) { issueToken(user: $user, chats: $chats, expiresIn: 600) { accessToken } }',
        { user: { externalId: customer.id }, chats: [chatId] },
      );
      return issueToken.accessToken;
    },
    close: () => service.close(),
  };
}
