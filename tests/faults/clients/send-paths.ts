import { WebSocket } from 'ws';
import type { Edge } from '../entries.js';
import type { Chat, User } from '../world.js';
import { ask, type Outcome } from './graphql-api.js';

export interface OutgoingMessage {
  chat: Chat;
  content: string;
  nonce: string;
}

export interface Written {
  id: string;
  seq: number;
  content: string;
}

/** A way to send: one attempt at a time, at the service that listens on this port. */
export interface SendPath {
  readonly edge: Edge;
  /** Never rejects. */
  send(port: number, message: OutgoingMessage): Promise<Outcome<Written>>;
  close(): void;
}

const SEND = `mutation ($chat: ID!, $content: String!, $nonce: String!) {
  sendMessage(chatId: $chat, content: $content, nonce: $nonce) { id seq content }
}`;

/** The mutation `sendMessage` over HTTP. */
export function graphqlSendPath({ token }: User): SendPath {
  return {
    edge: 'graphql',
    async send(port, { chat, content, nonce }) {
      const variables = { chat: chat.id, content, nonce };
      const outcome = await ask<{ sendMessage: Written }>(`http://127.0.0.1:${port}`, token, SEND, variables);
      return outcome.kind === 'answered' ? { kind: 'answered', data: outcome.data.sendMessage } : outcome;
    },
    close() {},
  };
}

/** Longer than any answer may take. */
const PATIENCE_MS = 8000;

/** `message.send` on the raw channel of the message's chat; the socket stays for the messages after it. */
export class RawSendPath implements SendPath {
  readonly edge = 'raw';
  private socket: SendSocket | undefined;

  constructor(private readonly user: User) {}

  async send(port: number, message: OutgoingMessage): Promise<Outcome<Written>> {
    if (!this.socket?.leadsTo(port, message.chat)) {
      this.socket?.close();
      this.socket = new SendSocket(port, message.chat, this.user);
    }
    return this.socket.send(message);
  }

  close(): void {
    this.socket?.close();
  }
}

/** One raw channel that is used for sending; what else comes on it is left to the listeners. */
class SendSocket {
  private readonly socket: WebSocket;
  private waiting: { nonce: string; settle: (outcome: Outcome<Written>) => void } | undefined;
  private unsent: OutgoingMessage | undefined;
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

  send(message: OutgoingMessage): Promise<Outcome<Written>> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.close(), PATIENCE_MS);
      this.waiting = {
        nonce: message.nonce,
        settle: (outcome) => {
          clearTimeout(timer);
          resolve(outcome);
        },
      };
      this.unsent = message;
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
    const { nonce, content } = unsent;
    this.socket.send(JSON.stringify({ type: 'message.send', id: nonce, content, nonce }));
  }

  private receive(frame: { type: string; id?: string; code?: string; message?: Written }): void {
    if (frame.type === 'hello') {
      this.isReady = true;
      this.write();
    }
    if (frame.id === undefined || frame.id !== this.waiting?.nonce) return;
    if (frame.type === 'ack' && frame.message) this.settle({ kind: 'answered', data: frame.message });
    else if (frame.type === 'error') this.settle({ kind: 'refused', code: frame.code ?? 'no code' });
  }

  /** What was not sent yet was refused with the socket; what was sent may have been written. */
  private outcomeOfClose(code: number, reason: string): Outcome<Written> {
    if (this.unsent && code === 1013) return { kind: 'refused', code: 'SERVICE_UNAVAILABLE' };
    if (code === 4410) return { kind: 'refused', code: 'NOT_FOUND' };
    return { kind: 'lost', reason: `the socket closed with ${code} ${reason}` };
  }

  private end(outcome: Outcome<Written>): void {
    this.isClosed = true;
    this.settle(outcome);
  }

  private settle(outcome: Outcome<Written>): void {
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
