import { HALL, person } from '../../world/identities.js';
import { closedLoop } from '../closed-loop.js';
import { HttpConnection } from '../http-connection.js';
import type { PageFields, Work } from '../job.js';
import type { Run } from '../run.js';
import { InvalidRun } from '../tally.js';

type History = Extract<Work, { kind: 'history' }>;

const PAGE = 50;
/** Of the pages, one in so many is looked at row by row; the others by their ends. */
const READ_EACH = 16;

/** Pages of the hall's history that end `depth` messages before its head. */
export async function history(run: Run, { head, depth, fields, inFlight, warmUpSeconds, seconds }: History) {
  const before = head - depth + 1;
  const connections = Array.from({ length: inFlight }, (_, index) => {
    const connection = new HttpConnection(run.target.port);
    return { connection, ask: asker(run, connection, person(index).token, before, fields) };
  });
  const page = async (slot: number, round: number) => {
    const askedAt = performance.now();
    const { status, body } = (await connections[slot]?.ask()) ?? { status: 0, body: '' };
    run.tally.answer.record(performance.now() - askedAt);
    run.tally.messages += 1;
    if (status !== 200 || !isPage(body, before - 1, round % READ_EACH === 0))
      throw new InvalidRun(`A page before number ${before} was answered ${status}: ${body.slice(0, 300)}`);
  };
  await run.watched(closedLoop(inFlight, warmUpSeconds, page));
  await run.measure('load', () => closedLoop(inFlight, seconds, page));
  for (const { connection } of connections) connection.close();
}

/** Behind the fields of every page. */
const FIELDS: Readonly<Record<PageFields, string>> = {
  plain: '',
  'with senders': ' sender { id username }',
  // What a message has itself, and not what it refers to.
  everything: ` sender { id username } revision editedAt deletedAt metadata mentions { id username } mentionsAll
    replyTo { id } reactions { emoji count } pinnedAt pinnedBy { id username }`,
};

function asker({ target }: Run, connection: HttpConnection, token: string, before: number, fields: PageFields) {
  if (target.http === 'plain') {
    const senders = fields === 'plain' ? '' : '&senders=1';
    const path = `/chats/${HALL.id}/messages?before=${before}&last=${PAGE}${senders}`;
    return () => connection.get(path, token);
  }
  const query = `query ($chatId: ID!, $before: Int) {
    messages(chatId: $chatId, last: ${PAGE}, before: $before) { id seq content createdAt${FIELDS[fields]} } }`;
  const json = JSON.stringify({ query, variables: { chatId: HALL.id, before } });
  return () => connection.post('/graphql/', json, token);
}

/** Oldest first, so many, and the newest has this number. */
function isPage(body: string, newest: number, everyRow: boolean): boolean {
  const oldest = newest - PAGE + 1;
  if (!body.includes(`"seq":${oldest},`) || !body.includes(`"seq":${newest},`)) return false;
  if (!everyRow) return true;
  const numbers = [...body.matchAll(/"seq":(\d+),/g)].map(([, digits]) => Number(digits));
  return numbers.length === PAGE && numbers.every((number, index) => number === oldest + index);
}
