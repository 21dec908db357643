import type { FastifyInstance } from 'fastify';
import { within } from '../../domain/within.js';
import { gauge, type Metric } from './metric.js';

/** How long the database and the bus may take to answer before they count as away, in milliseconds. */
const TIMEOUT_MS = 1000;

/** Asks the database and the bus how they are. Takes a second at most. */
export async function partsState(app: FastifyInstance): Promise<Metric[]> {
  const startedAt = performance.now();
  const database = answer(app.services.marks.heldBack()).then((held) => ({ held, ms: performance.now() - startedAt }));
  const [{ held, ms }, bus] = await Promise.all([database, answer(app.bus.check())]);
  const { pool } = app.db;
  const holder = held?.value;
  return [
    gauge('chat_database_up', '1 while the database answers within a second, else 0.', held ? 1 : 0, 'min'),
    gauge('chat_database_answer_seconds', 'How long the database took to answer.', ms / 1000, 'max'),
    gauge('chat_database_connections', 'Connections to the database.', [
      [{ state: 'idle' }, pool.idleCount],
      [{ state: 'busy' }, pool.totalCount - pool.idleCount],
    ]),
    gauge('chat_database_waiting', 'Statements that wait for a connection.', pool.waitingCount),
    gauge(
      'chat_marks_held_back_seconds',
      'How long the oldest transaction that writes has been open. No position over all chats passes it.',
      holder?.seconds ?? 0,
      'max',
    ),
    gauge(
      'chat_marks_held_back_pid',
      'The PostgreSQL process of that transaction; 0 for none, and for a prepared transaction.',
      holder?.pid ?? 0,
      'max',
    ),
    gauge('chat_bus_up', '1 while Redis answers within a second, or where none is used, else 0.', bus ? 1 : 0, 'min'),
  ];
}

/** Undefined for an error and after the time-out. */
function answer<Value>(asked: Promise<Value>): Promise<{ value: Value } | undefined> {
  const answered = asked.then(
    (value) => ({ value }),
    () => undefined,
  );
  return within(TIMEOUT_MS, answered);
}
