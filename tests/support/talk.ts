import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { chatTopic } from '../../src/delivery/bus.js';
import type { RawSocket } from './raw-socket.js';
import type { Service, startTeam } from './service.js';
import { waitUntil } from './wait-until.js';

interface Sent {
  chat: number;
  seq: number;
  /** When it was acknowledged, by `performance.now()`. */
  at: number;
}

const INTERVAL_MS = 15;

/** People at one process listen to chats into which somebody at another process sends without a pause. */
export class Talk {
  readonly sent: Sent[] = [];
  /** By chat, in the order in which they came. */
  private readonly heard: { seq: number; at: number }[][] = [];
  private readonly ending = new AbortController();
  private talking: Promise<void> = Promise.resolve();
  private readonly sockets: RawSocket[] = [];

  private constructor(
    private readonly team: Awaited<ReturnType<typeof startTeam>>,
    private readonly admin: string,
    readonly chatIds: readonly string[],
  ) {}

  static async start(team: Awaited<ReturnType<typeof startTeam>>, chats: number): Promise<Talk> {
    const admin = await team.signIn('admin');
    const names = Array.from({ length: chats }, (_, index) => `talk ${index}`);
    const ids: string[] = [];
    for (const name of names) {
      const mutation = 'mutation ($name: String!) { createChat(name: $name) { id } }';
      const { data } = await team.first.query(admin, mutation, { name });
      ids.push(Object(data).createChat.id);
    }
    const talk = new Talk(team, admin, ids);
    for (const name of names) await talk.listen(name);
    talk.talking = talk.send();
    return talk;
  }

  /** The Redis channels of the chats. */
  get channels(): string[] {
    const { scope } = this.team.first.app.deployment;
    return this.chatIds.map((id) => `${this.team.busPrefix}${scope}:${chatTopic(id)}`);
  }

  /** Resolves when a round through all chats that began after the call came over the bus: nothing of it was read from the log. */
  async untilOverBus(boundMs: number): Promise<void> {
    let from = this.sent.length;
    let repairs = this.repairs();
    await waitUntil('Delivery over the bus in every chat', boundMs, () => {
      const round = this.sent.slice(from, from + this.chatIds.length);
      const isHeard =
        round.length === this.chatIds.length && round.every((each) => Number.isFinite(this.delayOf(each)));
      if (!isHeard) return false;
      if (this.repairs() === repairs) return true;
      from = this.sent.length;
      repairs = this.repairs();
      return false;
    });
  }

  /** Ends the talk, and resolves to how late the latest message came. @throws Error for one that was lost, doubled or out of order */
  async end(): Promise<number> {
    this.ending.abort();
    await this.talking;
    await waitUntil('The last messages', 5000, () =>
      this.heard.every((heard, chat) => heard.at(-1)?.seq === this.seqsOf(chat).at(-1)),
    );
    for (const channel of this.sockets) await channel.close();
    for (const [chat, heard] of this.heard.entries()) {
      const [expected, came] = [this.seqsOf(chat), heard.map(({ seq }) => seq)];
      if (expected.join() !== came.join()) throw new Error(`Sent ${expected.join()}, heard ${came.join()}.`);
    }
    return Math.max(...this.sent.map((each) => this.delayOf(each)));
  }

  /** How often the listeners' process read from the log what the bus had not brought. */
  private repairs(): number {
    const { repairs } = this.listener.app.services.deliveryCounts;
    return [...repairs.entries()].reduce((sum, [, count]) => sum + count, 0);
  }

  private get listener(): Service {
    const listener = this.team.services.at(-1);
    if (!listener) throw new Error('A team has a last process.');
    return listener;
  }

  private seqsOf(chat: number): number[] {
    return this.sent.filter((each) => each.chat === chat).map(({ seq }) => seq);
  }

  private delayOf({ chat, seq, at }: Sent): number {
    const heard = this.heard[chat]?.find((each) => each.seq === seq);
    return heard ? heard.at - at : Number.POSITIVE_INFINITY;
  }

  private async listen(name: string): Promise<void> {
    const heard: { seq: number; at: number }[] = [];
    this.heard.push(heard);
    const channel = await this.listener.channel(this.admin, name);
    channel.socket.on('message', (data) => {
      const frame = JSON.parse(data.toString());
      if (frame.type === 'message.created') heard.push({ seq: frame.seq, at: performance.now() });
    });
    await channel.next('live');
    this.sockets.push(channel);
  }

  private async send(): Promise<void> {
    for (let index = 0; !this.ending.signal.aborted; index += 1) {
      const chat = index % this.chatIds.length;
      const variables = { chatId: this.chatIds[chat], content: `m${index}`, nonce: randomUUID() };
      const seq = await this.sendOne(variables);
      this.sent.push({ chat, seq, at: performance.now() });
      await pause(INTERVAL_MS);
    }
  }

  /** A database that is busy for a moment is none of Redis' faults: the send is repeated, as clients do. */
  private async sendOne(variables: object): Promise<number> {
    const mutation = `mutation ($chatId: ID!, $content: String!, $nonce: String!) {
      sendMessage(chatId: $chatId, content: $content, nonce: $nonce) { seq }
    }`;
    for (;;) {
      const { data, codes } = await this.team.first.query(this.admin, mutation, variables);
      if (data) return Object(data).sendMessage.seq;
      if (codes[0] !== 'SERVICE_UNAVAILABLE') throw new Error(`A send was answered ${codes[0]}.`);
    }
  }
}
