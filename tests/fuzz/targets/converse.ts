import { frame } from '../../support/frames.js';
import { upgradeRequest } from '../../support/web-socket-app.js';
import type { SocketStep } from '../generators/frames.js';
import type { Header } from '../generators/http-requests.js';
import { upgradeRules } from '../rules.js';
import { Violation } from '../violation.js';
import { Connection } from '../wire/connection.js';
import { readResponses } from '../wire/http-responses.js';
import { readServerFrames } from '../wire/server-frames.js';
import { isUpgraded } from './ask.js';
import { PATIENCE_MS, type Scene } from './target.js';

/** What is done on one WebSocket. Placeholders are not filled in yet. */
export interface Conversation {
  path: string;
  headers: readonly Header[];
  steps: readonly SocketStep[];
}

/** What a kind of WebSocket says, and when it has said all. */
export interface Dialect {
  /** Whether one has to wait for an answer to this text before the next. */
  isAnswered?(text: string, heard: readonly string[]): boolean;
  /** Said last: what a service that lives answers. */
  farewell: string;
  /** Whether everything that was said has its answer, the farewell too. */
  isComplete(said: readonly string[], heard: readonly string[]): boolean;
  /** Judges one text of the service's. @throws Violation */
  check(text: string): void;
  closeCodes: readonly number[];
}

const OPCODE = { text: 1, close: 8 };
/** How long one waits for what may never come, after frames that are none. Milliseconds. */
const QUIET_MS = 25;

/** Opens a WebSocket, does the steps, and judges everything that the service says until it has nothing more to say. */
export async function converse({ path, headers, steps }: Conversation, dialect: Dialect, scene: Scene): Promise<void> {
  const connection = await Connection.open(scene.port);
  const opening = Buffer.from(scene.fill(upgradeRequest(path, Object.fromEntries(headers))), 'latin1');
  try {
    connection.write(opening);
    const hasHead = () => connection.isClosed || readResponses(connection.received).responses.length > 0;
    if (!(await connection.until(hasHead, PATIENCE_MS))) throw new Violation('The upgrade is not answered.');
    const [response] = readResponses(connection.received).responses;
    if (!response) throw new Violation('The upgrade was closed without an answer.');
    if (isUpgraded(connection)) await new Talk(connection, dialect, scene, opening).run(steps);
    else scene.oracle.response(response, upgradeRules, opening.toString('latin1'));
  } finally {
    connection.reset();
  }
}

/** An open WebSocket. */
class Talk {
  private readonly said: string[] = [];

  constructor(
    private readonly connection: Connection,
    private readonly dialect: Dialect,
    private readonly scene: Scene,
    private readonly opening: Buffer,
  ) {}

  async run(steps: readonly SocketStep[]): Promise<void> {
    for (const step of steps) await this.take(step);
    await this.say(this.dialect.farewell);
    // Frames that are broken may have made the service wait for the rest of them.
    const isSound = steps.every((step) => step.do === 'say' || step.do === 'fragments');
    const isOver = () => this.isEnded() || this.dialect.isComplete(this.said, this.heard());
    const inTime = await this.connection.until(isOver, isSound ? PATIENCE_MS : QUIET_MS);
    this.judge(isSound);
    if (isSound && !inTime)
      throw new Violation(`An answer is missing. Heard: ${JSON.stringify(this.heard().slice(-5))}`);
    if (isSound && this.connection.isClosed && this.closeCode() === undefined)
      throw new Violation('The WebSocket ended without a close frame.');
  }

  private async take(step: SocketStep): Promise<void> {
    switch (step.do) {
      case 'say':
        return await this.say(this.scene.fill(step.text));
      case 'bytes':
        return this.connection.write(Buffer.from(step.hex, 'hex'));
      case 'frame': {
        const { announced, ...parts } = step.parts;
        const payload = Buffer.from(step.payload, 'latin1');
        const announcement = announced === undefined ? {} : { announced: BigInt(announced) };
        return this.connection.write(frame({ ...parts, ...announcement, payload }));
      }
      case 'fragments':
        step.texts.forEach((text, index, all) => {
          const opcode = index === 0 ? OPCODE.text : 0;
          this.connection.write(frame({ opcode, fin: index === all.length - 1, payload: this.scene.fill(text) }));
        });
    }
  }

  private async say(text: string): Promise<void> {
    this.said.push(text);
    this.connection.write(frame({ opcode: OPCODE.text, payload: text }));
    const isAnswered = () => this.isEnded() || (this.dialect.isAnswered?.(text, this.heard()) ?? true);
    if (!(await this.connection.until(isAnswered, PATIENCE_MS))) throw new Violation('There is no answer.');
  }

  private frames() {
    const bytes = readResponses(this.connection.received).rest;
    try {
      return readServerFrames(bytes);
    } catch (error) {
      throw new Violation(String(error));
    }
  }

  private heard(): string[] {
    return this.frames().flatMap(({ opcode, payload }) => (opcode === OPCODE.text ? [payload.toString()] : []));
  }

  private closeCode(): number | undefined {
    const close = this.frames().find(({ opcode }) => opcode === OPCODE.close);
    return close && (close.payload.length < 2 ? 1005 : close.payload.readUInt16BE(0));
  }

  private isEnded(): boolean {
    return this.connection.isClosed || this.closeCode() !== undefined;
  }

  private judge(isSound: boolean): void {
    const { oracle } = this.scene;
    const sent = [this.opening.toString('latin1'), ...this.said].join('\n');
    for (const text of this.heard()) {
      oracle.text(text, sent);
      this.dialect.check(text);
    }
    const code = this.closeCode();
    // Bytes that happen to be a close frame have their code said back; those of the applications begin with 3000.
    const isEcho = !isSound && code !== undefined && code >= 3000;
    if (code !== undefined && !isEcho) oracle.closeCode(code, this.dialect.closeCodes);
  }
}
