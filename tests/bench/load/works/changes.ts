import { type Chat, type Person, person, room, roomMember } from '../../world/identities.js';
import { closedLoop } from '../closed-loop.js';
import { HttpConnection } from '../http-connection.js';
import type { Work } from '../job.js';
import type { Run } from '../run.js';
import { InvalidRun } from '../tally.js';

type Changes = Extract<Work, { kind: 'changes' }>;

const ID = '$chatId: ID!, $messageId: ID!';
const SEND =
  'mutation ($chatId: ID!, $content: String!) { sendMessage(chatId: $chatId, content: $content) { id seq } }';
const EDIT = `mutation (${ID}, $content: String!) {
  editMessage(chatId: $chatId, messageId: $messageId, content: $content) { id seq } }`;
const DELETE = `mutation (${ID}) { deleteMessage(chatId: $chatId, messageId: $messageId) { id seq } }`;
const PIN = `mutation (${ID}) { pinMessage(chatId: $chatId, messageId: $messageId) { id seq } }`;
const UNPIN = `mutation (${ID}) { unpinMessage(chatId: $chatId, messageId: $messageId) { id seq } }`;

/** How often each message is changed: one may be edited 10 times a minute, and is deleted once. */
const CHANGES_PER_MESSAGE = { send: 0, edit: 9, delete: 1, pin: 1000 } as const;
/** More than a connection changes in a second. */
const CHANGES_PER_SECOND = 600;
const CONTENT = 'x'.repeat(200);

/** Changes of messages that were sent before. Each connection is a person who changes their own in a room of their own. */
export async function changes(run: Run, { change, people, inFlight, warmUpSeconds, seconds }: Changes) {
  const perMessage = CHANGES_PER_MESSAGE[change];
  const needed = CHANGES_PER_SECOND * (warmUpSeconds + seconds);
  const count = perMessage === 0 ? 0 : Math.ceil(needed / perMessage);
  const changers = Array.from({ length: inFlight }, (_, index) => {
    const connection = new HttpConnection(run.target.port);
    return new Changer(run, connection, room(index), person(roomMember(index, 0, people)));
  });
  await run.watched(Promise.all(changers.map((changer) => changer.prepare(count))));
  const turn = async (slot: number) => {
    const askedAt = performance.now();
    await changers[slot]?.change(change, perMessage);
    run.tally.answer.record(performance.now() - askedAt);
    run.tally.messages += 1;
  };
  await run.watched(closedLoop(inFlight, warmUpSeconds, turn));
  await run.measure('load', () => closedLoop(inFlight, seconds, turn));
  for (const changer of changers) changer.close();
}

class Changer {
  private readonly ids: string[] = [];
  private done = 0;

  constructor(
    private readonly run: Run,
    private readonly connection: HttpConnection,
    private readonly chat: Chat,
    private readonly person: Person,
  ) {}

  async prepare(count: number): Promise<void> {
    while (this.ids.length < count) this.ids.push(await this.send());
  }

  async change(change: Changes['change'], perMessage: number): Promise<void> {
    this.done += 1;
    if (change === 'send') {
      await this.send();
      return;
    }
    const messageId = this.ids[Math.floor((this.done - 1) / perMessage)];
    if (messageId === undefined) throw new InvalidRun('There are too few messages to change.');
    if (change === 'edit') await this.ask(EDIT, { messageId, content: `${this.done} ${CONTENT}` });
    else if (change === 'delete') await this.ask(DELETE, { messageId });
    else await this.ask(this.done % 2 === 1 ? PIN : UNPIN, { messageId });
  }

  close(): void {
    this.connection.close();
  }

  private async send(): Promise<string> {
    const id = await this.ask(SEND, { content: CONTENT });
    this.run.tally.acknowledged += 1;
    return id;
  }

  /** The id of the message. */
  private async ask(query: string, variables: object): Promise<string> {
    const json = JSON.stringify({ query, variables: { chatId: this.chat.id, ...variables } });
    const { status, body } = await this.connection.post('/graphql/', json, this.person.token);
    const id = /"id":"([^"]+)"/.exec(body)?.[1];
    if (status !== 200 || id === undefined) throw new InvalidRun(`A change was answered ${status}: ${body}`);
    return id;
  }
}
