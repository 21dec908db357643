import { WebSocket } from 'ws';
import type { Edge } from '../entries.js';
import type { Chat, User } from '../world.js';
import { ask, type Outcome } from './graphql-api.js';
import { MESSAGE_FIELDS, type ReceivedMessage } from './message-fields.js';

/** Something to do in a chat, as it is said on both edges. */
export interface Request {
  chat: Chat;
  /** Names the request on the raw channel. */
  id: string;
  /** What a frame has beside its id. */
  frame: { type: string; [member: string]: unknown };
  /** A mutation field that returns a message, or a list of messages. */
  mutation: { field: string; variables: readonly Variable[] };
}

/** An argument of a mutation, which is given by a variable of the same name. */
export interface Variable {
  name: string;
  type: string;
  value: unknown;
}

/** A way to send: one attempt at a time, at the service that listens on this port. */
export interface RequestPath {
  readonly edge: Edge;
  /** Never rejects. Answered with the messages that the service shows. */
  send(port: number, request: Request): Promise<Outcome<ReceivedMessage[]>>;
  close(): void;
}

/** Mutations over HTTP. */
export function graphqlPath({ token }: User): RequestPath {
  return {
    edge: 'graphql',
    async send(port, { mutation: { field, variables } }) {
      const declared = variables.map(({ name, type }) => `$${name}: ${type}`).join(', ');
      const passed = variables.map(({ name }) => `${name}: $${name}`).join(', ');
      const document = `mutation (${declared}) { shown: ${field}(${passed}) { ${MESSAGE_FIELDS} } }`;
      const values = Object.fromEntries(variables.map(({ name, value }) => [name, value]));
      type Answer = { shown: ReceivedMessage | ReceivedMessage[] };
      const outcome = await ask<Answer>(`http://127.0.0.1:${port}`, token, document, values);
      return outcome.kind === 'answered' ? { kind: 'answered', data: [outcome.data.shown].flat() } : outcome;
    },
    close() {},
  };
}

/** Longer than any answer may take. */
const PATIENCE_MS = 8000;

/** Frames on the raw channel of the request's chat; the socket stays for the requests after it. */
export class RawPath implements RequestPath {
  readonly edge = 'raw';
  private socket: RequestSocket | undefined;

  constructor(private readonly user: User) {}

  async send(port: number, request: Request): Promise<Outcome<ReceivedMessage[]>> {
    if (!this.socket?.leadsTo(port, request.chat)) {
      this.socket?.close();
      this.socket = new RequestSocket(port, request.chat, this.user);
    }
    return this.socket.send(request);
  }

  close(): void {
    this.socket?.close();
  }
}

interface AnswerFrame {
  type: string;
  id?: string;
  code?: string;
  rule?: string;
  message?: ReceivedMessage;
}

/** One raw channel that is used for requests; what else comes on it is left to the listeners. */
class RequestSocket {
  private readonly socket: WebSocket;
  private waiting: { id: string; settle: (outcome: Outcome<ReceivedMessage[]>) => void } | undefined;
  private unsent: Request | undefined;
  private isReady = false;
  private isClosed = false;

  constructor(
    private readonly port: number,
    private readonly chat: Chat,
    { token }: User,
  ) {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws/chat/${encodeURIComponent(chat.name)}/`, {
      headers: { authorization: `Bearer ${token}` },
    });
    this.socket = socket;
    socket.on('message', (data) => this.receive(JSON.parse(data.toString())));
    socket.on('unexpected-response', (_request, { statusCode }) => {
      this.end({ kind: 'refused', code: codeOfStatus(statusCode ?? 0) });
      socket.terminate();
    });
    socket.on('error', (error) => this.end({ kind: 'lost', reason: error.message }));
    socket.on('close', (code, reason) => this.end(this.outcomeOfClose(code, reason.toString())));
  }

  leadsTo(port: number, chat: Chat): boolean {
    return !this.isClosed && this.port === port && this.chat.id === chat.id;
  }

  send(request: Request): Promise<Outcome<ReceivedMessage[]>> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.close(), PATIENCE_MS);
      this.waiting = {
        id: request.id,
        settle: (outcome) => {
          clearTimeout(timer);
          resolve(outcome);
        },
      };
      this.unsent = request;
      if (this.isReady) this.write();
    });
  }

  close(): void {
    this.end({ kind: 'lost', reason: 'there was no answer' });
    this.socket.terminate();
  }

  private write(): void {
    const { unsent } = this;
    this.unsent = undefined;
    if (!unsent) return;
    const { id, frame } = unsent;
    this.socket.send(JSON.stringify({ ...frame, id }));
  }

  private receive({ type, id, code, rule, message }: AnswerFrame): void {
    if (type === 'hello') {
      this.isReady = true;
      this.write();
    }
    if (id === undefined || id !== this.waiting?.id) return;
    if (type === 'ack' && message) this.settle({ kind: 'answered', data: [message] });
    else if (type === 'error') this.settle({ kind: 'refused', code: code ?? 'no code', rule });
  }

  /** What was not sent yet was refused with the socket; what was sent may have been written. */
  private outcomeOfClose(code: number, reason: string): Outcome<ReceivedMessage[]> {
    if (this.unsent && code === 1013) return { kind: 'refused', code: 'SERVICE_UNAVAILABLE' };
    if (code === 4410) return { kind: 'refused', code: 'NOT_FOUND' };
    return { kind: 'lost', reason: `the socket closed with ${code} ${reason}` };
  }

  private end(outcome: Outcome<ReceivedMessage[]>): void {
    this.isClosed = true;
    this.settle(outcome);
  }

  private settle(outcome: Outcome<ReceivedMessage[]>): void {
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.settle(outcome);
  }
}

/** The code that GraphQL has for what the raw channel answers before its upgrade. */
export function codeOfStatus(status: number): string {
  if (status === 503) return 'SERVICE_UNAVAILABLE';
  if (status === 404) return 'NOT_FOUND';
  return `HTTP ${status}`;
}
