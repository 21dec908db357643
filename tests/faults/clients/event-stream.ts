import { request as httpRequest } from 'node:http';
import { EventStreamParser } from '../../support/event-stream-parser.js';
import type { User } from '../world.js';
import { takeFrame } from './frames.js';
import { takeInboxFrame } from './inbox-frames.js';
import { codeOfStatus } from './request-paths.js';
import { type EndHandlers, OPENING_PATIENCE_MS, type OpenInbox, type OpenStream } from './streams.js';

interface Request {
  port: number;
  path: string;
  user: User;
  lastEventId: string | null;
}

interface Closing {
  code: number;
  reason: string;
}

/** An event stream as an EventSource reads it: it comes back with the id of the last event, and does not look for cursors in the data. */
export const openEventStream: OpenStream = ({ port, chat, user, after }, handlers) =>
  openEvents(
    { port, path: `/sse/chat/${encodeURIComponent(chat.name)}/`, user, lastEventId: after },
    handlers,
    (data, id) => takeFrame(data, handlers, () => id),
  );

/** All chats of the user as one event stream. */
export const openEventsOfInbox: OpenInbox = ({ port, user, after, maxMissed }, handlers) =>
  openEvents({ port, path: `/sse/inbox/?maxMissed=${maxMissed}`, user, lastEventId: after }, handlers, (data, id) =>
    takeInboxFrame(data, handlers, () => id),
  );

/** @param take gets the data of each event, and its id, or `none` */
function openEvents(
  { port, path, user, lastEventId }: Request,
  handlers: EndHandlers,
  take: (data: string, id: string) => void,
): () => void {
  const request = httpRequest({
    port,
    host: '127.0.0.1',
    path,
    headers: { authorization: `Bearer ${user.token}`, ...(lastEventId !== null && { 'last-event-id': lastEventId }) },
    agent: false,
  });
  let isAnswered = false;
  let isOver = false;
  let closing: Closing | undefined;
  const end = (tell: () => void) => {
    if (isOver) return;
    isOver = true;
    tell();
  };
  const patience = setTimeout(() => request.destroy(new Error('no answer')), OPENING_PATIENCE_MS);
  request.on('close', () => clearTimeout(patience));
  // A connection that is lost later is the response's end.
  request.on('error', () => {
    if (!isAnswered) end(() => handlers.refused('UNREACHABLE'));
  });
  request.on('response', (response) => {
    isAnswered = true;
    clearTimeout(patience);
    if (response.statusCode !== 200) {
      end(() => handlers.refused(codeOfStatus(response.statusCode ?? 0)));
      request.destroy();
      return;
    }
    const parser = new EventStreamParser({
      event: ({ event, id, data }) => {
        if (isOver) return;
        if (event === 'closing') closing = JSON.parse(data);
        else take(data, id ?? 'none');
      },
    });
    response.setEncoding('utf8');
    response.on('data', (text: string) => parser.push(text));
    response.on('error', () => {});
    response.on('close', () => end(() => tellEnd(handlers, closing)));
  });
  request.end();
  return () => {
    end(() => {});
    request.destroy();
  };
}

function tellEnd(handlers: EndHandlers, closing: Closing | undefined): void {
  if (closing) handlers.closed(String(closing.code), closing.reason);
  else handlers.closed('1006', '');
}
