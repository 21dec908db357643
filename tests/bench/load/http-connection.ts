import { connect, type Socket } from 'node:net';

export interface HttpAnswer {
  status: number;
  body: string;
}

const END_OF_HEAD = '\r\n\r\n';

/** One kept-alive connection, one request at a time. It reads only responses with a Content-Length, which all targets send. */
export class HttpConnection {
  private readonly socket: Socket;
  private received: Buffer = Buffer.alloc(0);
  private waiting: { resolve: (answer: HttpAnswer) => void; reject: (error: Error) => void } | undefined;

  constructor(private readonly port: number) {
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.socket.on('data', (bytes) => this.read(bytes));
    this.socket.on('error', (error) => this.fail(error));
    this.socket.on('close', () => this.fail(new Error('The connection was closed.')));
  }

  get(path: string, token: string): Promise<HttpAnswer> {
    return this.request(`GET ${path} HTTP/1.1\r\n${this.headers(token)}${END_OF_HEAD}`);
  }

  post(path: string, json: string, token: string): Promise<HttpAnswer> {
    const headers = `${this.headers(token)}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(json)}`;
    return this.request(`POST ${path} HTTP/1.1\r\n${headers}${END_OF_HEAD}${json}`);
  }

  close(): void {
    this.socket.destroy();
  }

  private headers(token: string): string {
    return `Host: 127.0.0.1:${this.port}\r\nAuthorization: Bearer ${token}\r\nAccept: application/json`;
  }

  private request(text: string): Promise<HttpAnswer> {
    if (this.waiting) throw new Error('A connection carries one request at a time.');
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
      this.socket.write(text);
    });
  }

  private read(bytes: Buffer): void {
    this.received = this.received.length === 0 ? bytes : Buffer.concat([this.received, bytes]);
    const end = this.received.indexOf(END_OF_HEAD);
    if (end === -1) return;
    const head = this.received.toString('latin1', 0, end);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    if (length === undefined) {
      this.fail(new Error(`An answer without a Content-Length: ${head}`));
      return;
    }
    const bodyStart = end + END_OF_HEAD.length;
    const bodyEnd = bodyStart + Number(length);
    if (this.received.length < bodyEnd) return;
    const answer = { status: Number(head.slice(9, 12)), body: this.received.toString('utf8', bodyStart, bodyEnd) };
    this.received = this.received.subarray(bodyEnd);
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.resolve(answer);
  }

  private fail(error: Error): void {
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.reject(error);
  }
}
