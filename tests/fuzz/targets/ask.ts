import { isHonest, type RequestParts, requestBytes } from '../generators/http-requests.js';
import type { Rules } from '../oracle.js';
import { anythingRules } from '../rules.js';
import { Violation } from '../violation.js';
import { Connection } from '../wire/connection.js';
import { type ReadResponses, readResponses } from '../wire/http-responses.js';
import { PATIENCE_MS, type Scene } from './target.js';

/** How long one waits for more of an answer that may not come: the service itself may be waiting. Milliseconds. */
const QUIET_MS = 25;

/** Sends a request on a connection of its own. One that ends where it says is answered, by the rules of its endpoint. */
export async function ask(request: RequestParts, rules: Rules, scene: Scene): Promise<void> {
  const bytes = requestBytes(request, scene.fill);
  if (!isHonest(request)) return await push([bytes], scene);
  const connection = await Connection.open(scene.port);
  try {
    connection.write(bytes);
    const read = () => readOrViolate(connection.received, request.method === 'HEAD');
    const isAnswered = () => connection.isClosed || read().responses.length > 0;
    const inTime = await connection.until(isAnswered, PATIENCE_MS);
    const [response] = read().responses;
    if (!response) throw new Violation(inTime ? 'The connection was closed without an answer.' : 'There is no answer.');
    scene.oracle.response(response, rules, bytes.toString('latin1'));
  } finally {
    connection.reset();
  }
}

/** Writes bytes that may be no request or many, says that it is the end, and judges whatever comes back. */
export async function push(chunks: readonly Buffer[], scene: Scene): Promise<void> {
  const connection = await Connection.open(scene.port);
  try {
    for (const chunk of chunks) {
      connection.write(chunk);
      // In packets of their own.
      await new Promise((resolve) => setImmediate(resolve));
    }
    await connection.until(() => connection.isClosed, QUIET_MS);
    connection.end();
    const patience = upgrades(chunks) ? QUIET_MS : PATIENCE_MS;
    const isOver = () => connection.isClosed || isUpgraded(connection);
    if (!(await connection.until(isOver, patience)) && !upgrades(chunks))
      throw new Violation('The connection stays open after its end.');
    judge(connection, scene, Buffer.concat(chunks));
  } finally {
    connection.reset();
  }
}

/** An upgrade behind a request that is not answered yet gets no answer, and its connection 30 s: nobody waits for that here. */
export function upgrades(chunks: readonly Buffer[]): boolean {
  return /\r\n\r\n.*upgrade/is.test(Buffer.concat(chunks).toString('latin1'));
}

/** @throws Violation for any answer that a connection has got and that is not documented. */
export function judge(connection: Connection, { oracle }: Scene, bytes: Buffer): void {
  const sent = bytes.toString('latin1');
  oracle.text(connection.received.toString('latin1'), sent);
  for (const response of readOrViolate(connection.received).responses) oracle.response(response, anythingRules, sent);
}

export function isUpgraded(connection: Connection): boolean {
  return connection.received.toString('latin1', 0, 12) === 'HTTP/1.1 101';
}

function readOrViolate(bytes: Buffer, isHead = false): ReadResponses {
  try {
    return readResponses(bytes, isHead);
  } catch (error) {
    throw new Violation(`The answer is no HTTP: ${String(error)}`);
  }
}
