import type { FastifyInstance } from 'fastify';
import { counter, gauge, histogram, type Metric, type Value } from './metric.js';

/** What the parts of the service have counted. Only reads numbers. */
export function serviceMetrics(app: FastifyInstance): Metric[] {
  return [...connections(app), ...delivery(app), ...limits(app)];
}

function connections({ connectionCounts: counts, unsentBytes }: FastifyInstance): Metric[] {
  const kinds = Object.entries(counts.open).map(([kind, open]): Value => [{ kind }, open]);
  const closes = [...counts.closed.entries()].map(([words, count]): Value => {
    const [kind = '', by = '', code = ''] = words.split(' ');
    return [{ kind, by, code }, count];
  });
  return [
    gauge('chat_connections', 'Open WebSockets and event streams, by what they carry.', kinds),
    counter(
      'chat_connections_opened_total',
      'WebSockets and event streams that were opened.',
      byWord('kind', counts.opened),
    ),
    counter('chat_connections_closed_total', 'Those that were closed, by the side that closed and its code.', closes),
    counter('chat_slow_readers_total', 'Connections that were ended because they did not read.', counts.slow),
    gauge('chat_unsent_bytes', 'Bytes that wait for readers of WebSockets and event streams.', unsentBytes.total),
  ];
}

function delivery({ services, flushScheduler }: FastifyInstance): Metric[] {
  const { deliveryCounts: counts } = services;
  return [
    counter(
      'chat_events_announced_total',
      'Changes of chats that this process committed and announced.',
      counts.announced,
    ),
    counter('chat_events_unpublished_total', 'Announcements that Redis did not take.', counts.unpublished),
    counter('chat_events_delivered_total', 'Events handed to streams, once for each.', counts.delivered),
    histogram('chat_events_announced_together', 'Changes that one statement committed.', counts.announcedTogether),
    histogram('chat_events_flushed_together', 'Events that one flush delivered.', flushScheduler.eventsPerFlush),
    histogram('chat_writes_together', 'Connections that one flush wrote to.', flushScheduler.writesPerFlush),
    counter('chat_repairs_total', 'Reads of missing events from the log.', byWord('cause', counts.repairs)),
    counter(
      'chat_histories_replaced_total',
      'Chats whose history was replaced, by a restore.',
      counts.replacedHistories,
    ),
    counter('chat_bus_resets_total', 'Connections to Redis that were made anew.', counts.busResets),
  ];
}

function limits({ loopDelay, runningRequests, exhaustedBudgets, clientErrors }: FastifyInstance): Metric[] {
  const told = [...clientErrors.entries()].map(([words, count]): Value => {
    const [edge = '', code = ''] = words.split(' ');
    return [{ edge, code }, count];
  });
  return [
    gauge('chat_http_requests_running', 'Requests under way.', runningRequests()),
    counter('chat_client_errors_total', 'Errors that clients were told over GraphQL and the raw channel.', told),
    counter('chat_limit_refusals_total', 'What limits refused.', byWord('limit', exhaustedBudgets)),
    histogram(
      'chat_event_loop_delay_seconds',
      'The longest delay of the event loop in each second.',
      loopDelay.longest,
    ),
  ];
}

function byWord(label: string, counts: { entries(): Iterable<[string, number]> }): Value[] {
  return [...counts.entries()].map(([word, count]) => [{ [label]: word }, count]);
}
