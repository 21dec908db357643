import type { Chat, Person } from '../world/identities.js';
import { HttpConnection } from './http-connection.js';
import type { TargetAddress } from './job.js';
import type { Ledger } from './ledger.js';
import { InvalidRun } from './tally.js';

const MUTATION =
  'mutation ($chatId: ID!, $content: String!) { sendMessage(chatId: $chatId, content: $content) { id seq createdAt } }';

/** Sends over one kept-alive HTTP connection, one message at a time. */
export class HttpSender {
  private readonly connection: HttpConnection;

  constructor(private readonly target: TargetAddress) {
    this.connection = new HttpConnection(target.port);
  }

  /** Resolves when the message is acknowledged and every listener of the chat has it. */
  async say(ledger: Ledger, person: Person, dueAt?: number): Promise<void> {
    const { id, content, settled } = ledger.expect(dueAt);
    const { status, body } = await this.post(ledger.chat, content, person);
    const seq = /"seq":(\d+)/.exec(body)?.[1];
    if (status !== 200 || seq === undefined) throw new InvalidRun(`A send was answered ${status}: ${body}`);
    ledger.acknowledged(id, Number(seq));
    return settled;
  }

  close(): void {
    this.connection.close();
  }

  private post(chat: Chat, content: string, { token }: Person) {
    if (this.target.http === 'plain')
      return this.connection.post(`/chats/${chat.id}/messages`, JSON.stringify({ content }), token);
    const variables = { chatId: chat.id, content };
    return this.connection.post('/graphql/', JSON.stringify({ query: MUTATION, variables }), token);
  }
}

/** Kept-alive connections, and how they end. */
export function openSenders(target: TargetAddress, count: number) {
  const senders = Array.from({ length: count }, () => new HttpSender(target));
  return {
    senders,
    close: () => {
      for (const sender of senders) sender.close();
    },
  };
}
