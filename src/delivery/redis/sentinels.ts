import { within } from '../../domain/within.js';
import {
  createRedisClient,
  discard,
  type RedisClient,
  type RedisConnectionOptions,
  type RedisServer,
} from './connection.js';
import { nameOf, RedisFormError } from './server-mode.js';
import type { RedisAddress, RedisTarget } from './target.js';

type SentinelTarget = Extract<RedisTarget, { form: 'sentinel' }>;

/** How long a sentinel may take to answer, in milliseconds. */
const ANSWER_TIMEOUT_MS = 1000;
/** The sentinels are asked again with every so many questions to the master: every five seconds. */
const QUESTIONS_PER_CONFIRMATION = 10;

/** The sentinels that know who is the master of a name. Each question is a connection of its own: they are rare. */
export class Sentinels {
  /** Whether the sentinels ask for the password: many have none where their servers do. */
  private hasPassword = false;

  constructor(private readonly target: SentinelTarget) {}

  /**
   * The master, as most of the sentinels that answer name it. Takes a second at most.
   *
   * @throws RedisFormError when the servers answer, and are no sentinels or know no such name
   */
  async locate(): Promise<RedisServer> {
    const { sentinels, username, password, isTls, database } = this.target;
    const names: string[] = [];
    const found = new Map<string, RedisAddress>();
    const failures: unknown[] = [];
    const questions = sentinels.map(async (sentinel) => {
      try {
        const address = await this.ask(sentinel);
        names.push(nameOf(address));
        found.set(nameOf(address), address);
      } catch (error) {
        failures.push(error);
      }
    });
    // More than half that agree are enough: a sentinel that hangs delays nobody then.
    const agreement = questions.map(async (question) => {
      await question;
      if (countOf(mostNamed(names), names) <= sentinels.length / 2) throw new Error('They do not agree yet.');
    });
    await Promise.any(agreement).catch(() => {});
    const address = found.get(mostNamed(names));
    if (address) return { address, username, password, isTls, database };
    throw failures.find((failure) => failure instanceof RedisFormError) ?? failures[0];
  }

  /** The master that one sentinel names. @throws the reason for which it names none */
  async ask(sentinel: RedisAddress): Promise<RedisAddress> {
    try {
      return await this.askOnce(sentinel);
    } catch (error) {
      if (!(error instanceof Error && /^(NOAUTH|ERR AUTH|WRONGPASS)/.test(error.message)) || !this.target.password)
        throw error;
      this.hasPassword = !this.hasPassword;
      return await this.askOnce(sentinel);
    }
  }

  private async askOnce(sentinel: RedisAddress): Promise<RedisAddress> {
    const { username, password, isTls } = this.target;
    const access = this.hasPassword ? { username, password } : { username: undefined, password: undefined };
    const client = createRedisClient({ address: sentinel, isTls, ...access });
    // `connect` fails too.
    client.on('error', () => {});
    try {
      const answer = await within(
        ANSWER_TIMEOUT_MS,
        client.connect().then(() => this.masterOf(client, sentinel)),
      );
      if (!answer) throw new Error(`The sentinel ${nameOf(sentinel)} does not answer.`);
      return answer;
    } finally {
      discard(client);
    }
  }

  private async masterOf(client: RedisClient, sentinel: RedisAddress): Promise<RedisAddress> {
    const { masterName } = this.target;
    const answer = await client
      .sendCommand<[string, string] | null>(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', masterName])
      .catch((error: unknown) => {
        if (!(error instanceof Error && /^ERR unknown command/i.test(error.message))) throw error;
        throw new RedisFormError(
          `REDIS_URL names ${nameOf(sentinel)} as a sentinel, which it is not. Name a Redis alone: redis://host:6379.`,
        );
      });
    if (!answer)
      throw new RedisFormError(`The sentinel ${nameOf(sentinel)} that REDIS_URL names knows no master ${masterName}.`);
    return { host: answer[0], port: Number(answer[1]) };
  }
}

/** How one connection finds the master and notices that it is no longer the master. */
export function masterSource(target: SentinelTarget): Pick<RedisConnectionOptions, 'locate' | 'admit' | 'ask'> {
  const sentinels = new Sentinels(target);
  let master = '';
  let newMaster = '';
  let questions = 0;
  // A master that was cut off from the sentinels, but not from here, does not know that it was replaced.
  const confirm = async () => {
    const named = await sentinels.locate().catch(() => undefined);
    if (named) newMaster = nameOf(named.address);
  };
  const expectMaster = async (client: RedisClient) => {
    if (newMaster !== master) throw new Error(`The sentinels have made ${newMaster} the master in place of ${master}.`);
    const [role] = await client.sendCommand<[string]>(['ROLE']);
    // Nobody hears what is published at a replica but who subscribed there.
    if (role !== 'master') throw new Error(`${master} is not the master any more.`);
  };
  return {
    async locate() {
      const server = await sentinels.locate();
      master = nameOf(server.address);
      newMaster = master;
      return server;
    },
    admit: expectMaster,
    async ask(client) {
      questions += 1;
      if (questions % QUESTIONS_PER_CONFIRMATION === 0) void confirm();
      await expectMaster(client);
    },
  };
}

function mostNamed(names: readonly string[]): string {
  return names.toSorted((a, b) => countOf(b, names) - countOf(a, names))[0] ?? '';
}

function countOf(name: string, names: readonly string[]): number {
  return names.filter((each) => each === name).length;
}
