export interface HttpResponse {
  status: number;
  /** Names in lower case. What is repeated is joined by a comma. */
  headers: ReadonlyMap<string, string>;
  body: string;
}

export interface ReadResponses {
  /** Complete ones, without those of the 1xx but 101. */
  responses: HttpResponse[];
  /** What follows them: a part of a response, or what an upgraded connection carries. */
  rest: Buffer;
}

const END_OF_HEAD = '\r\n\r\n';

/** @throws Error for bytes that are no HTTP/1.1. */
export function readResponses(bytes: Buffer, isHead = false): ReadResponses {
  const responses: HttpResponse[] = [];
  let rest = bytes;
  for (;;) {
    const read = readResponse(rest, isHead);
    if (!read) return { responses, rest };
    rest = rest.subarray(read.length);
    const isFinal = read.response.status >= 200;
    if (isFinal || read.response.status === 101) responses.push(read.response);
    // After the answer to HEAD a refusal by the server itself has a body all the same.
    if (read.response.status === 101 || (isFinal && isHead)) return { responses, rest };
  }
}

function readResponse(bytes: Buffer, isHead: boolean): { response: HttpResponse; length: number } | undefined {
  const end = bytes.indexOf(END_OF_HEAD);
  if (end === -1) {
    const begin = bytes.toString('latin1', 0, 9);
    if (!'HTTP/1.1 '.startsWith(begin)) throw new Error(`No HTTP: ${JSON.stringify(begin)}`);
    return undefined;
  }
  const [statusLine = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1]);
  if (!status) throw new Error(`No status line: ${JSON.stringify(statusLine.slice(0, 100))}`);
  const headers = readHeaders(lines);
  const start = end + END_OF_HEAD.length;
  const body = hasBody(status, isHead) ? readBody(bytes.subarray(start), headers) : { text: '', length: 0 };
  return body && { response: { status, headers, body: body.text }, length: start + body.length };
}

function hasBody(status: number, isHead: boolean): boolean {
  return !isHead && status >= 200 && status !== 204 && status !== 304;
}

function readHeaders(lines: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>();
  for (const line of lines) {
    const match = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*?)[ \t]*$/.exec(line);
    if (!match?.[1]) throw new Error(`No header: ${JSON.stringify(line.slice(0, 100))}`);
    const name = match[1].toLowerCase();
    const before = headers.get(name);
    headers.set(name, before === undefined ? (match[2] ?? '') : `${before}, ${match[2]}`);
  }
  return headers;
}

function readBody(bytes: Buffer, headers: ReadonlyMap<string, string>): { text: string; length: number } | undefined {
  if (headers.get('transfer-encoding') === 'chunked') return readChunks(bytes);
  const length = Number(headers.get('content-length') ?? 0);
  // Where the request was HEAD and nobody here knows it, the next response follows at once.
  if (length > 0 && bytes.toString('latin1', 0, 9) === 'HTTP/1.1 ') return { text: '', length: 0 };
  return bytes.length < length ? undefined : { text: bytes.toString('utf8', 0, length), length };
}

function readChunks(bytes: Buffer): { text: string; length: number } | undefined {
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const endOfLine = bytes.indexOf('\r\n', at);
    if (endOfLine === -1) return undefined;
    const size = Number.parseInt(bytes.toString('latin1', at, endOfLine), 16);
    if (Number.isNaN(size)) throw new Error('No size of a chunk.');
    const end = endOfLine + 2 + size;
    if (bytes.length < end + 2) return undefined;
    parts.push(bytes.subarray(endOfLine + 2, end));
    at = end + 2;
    if (size === 0) return { text: Buffer.concat(parts).toString('utf8'), length: at };
  }
}
