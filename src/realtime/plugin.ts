import type { FastifyInstance, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { WebSocket } from 'ws';
import type { Channel } from '../channels/channel.js';
import { ChatChannel } from '../channels/chat-channel.js';
import { FrameEncoding } from '../channels/frame-encoding.js';
import { InboxChannel } from '../channels/inbox-channel.js';
import { clientErrors } from '../plugins/client-errors.js';
import { holderOf } from '../plugins/limits/holder.js';
import {
  Admission,
  type AdmissionOptions,
  type Admitted,
  type AdmittedToInbox,
  type AdmittedUser,
  StreamRefusal,
  type StreamRequest,
} from '../plugins/streams/admission.js';
import type { ConnectionKind } from '../plugins/streams/connection-counts.js';
import { offeredSubprotocols } from '../plugins/streams/credentials.js';
import { ChatSocket } from '../plugins/websocket/chat-socket.js';
import type { Disconnect } from '../plugins/websocket/close-codes.js';
import { jsonFrame, textFrame } from '../plugins/websocket/frame.js';
import { CHAT_PROTOCOL } from '../plugins/websocket/subprotocols.js';
import { closingFrame } from '../wire/frames.js';
import { Connection } from './connection.js';

/** What a path opens: the checks before the upgrade, and the channel for who has passed them. */
interface RawRoute<Admitted extends AdmittedUser> {
  url: string;
  kind: ConnectionKind;
  /** @param path the URL's part that stands for `*`, percent-decoded. @throws BearerError, StreamRefusal */
  admit(request: StreamRequest, path: string): Promise<Admitted>;
  channel(socket: ChatSocket, admitted: Admitted): Channel;
}

interface Route {
  Params: { '*'?: string };
}

/** The raw channels (docs/raw-channel.md): JSON text frames both ways, over one WebSocket per chat or one for all chats. */
async function realtime(app: FastifyInstance, options: AdmissionOptions) {
  const admission = new Admission(app.services, options);
  const encoding = new FrameEncoding((_frame, json) => textFrame(json));
  clientErrors(app);
  const context = { services: app.services, encoding };
  rawRoute<Admitted>(app, encoding, {
    // A wildcard: the router limits a `:parameter` to 100 UTF-16 units, and a name of 100 characters may have 200.
    url: '/ws/chat/*',
    kind: 'raw_chat',
    // The trailing slash is optional. No chat name contains a slash.
    admit: (request, path) => admission.admitToChat({ name: path.replace(/\/$/, ''), ...request }),
    channel: (socket, admitted) => new ChatChannel(socket, admitted, context),
  });
  rawRoute<AdmittedToInbox>(app, encoding, {
    url: '/ws/inbox',
    kind: 'raw_inbox',
    admit: (request) => admission.admitToInbox(request),
    channel: (socket, admitted) => new InboxChannel(socket, admitted, context),
  });
}

function rawRoute<Admitted extends AdmittedUser>(
  app: FastifyInstance,
  encoding: FrameEncoding,
  { url, kind, admit, channel }: RawRoute<Admitted>,
): void {
  /** Those whose upgrade passed the checks. */
  const admissions = new WeakMap<FastifyRequest, Admitted>();

  const check = async (request: FastifyRequest<Route>) => {
    if (!request.ws) return;
    checkSubprotocol(request);
    const admitted = await admit({ url: request.url, headers: request.headers }, request.params['*'] ?? '');
    app.userSockets.claim(holderOf(admitted.viewer), request.raw.socket);
    admissions.set(request, admitted);
  };

  const open = (socket: WebSocket, request: FastifyRequest<Route>) => {
    const admitted = admissions.get(request);
    if (!admitted || !(socket instanceof ChatSocket)) throw new Error('A raw channel was opened past its admission.');
    admissions.delete(request);
    socket.countAs(kind);
    const { services, log, clientErrors: told } = app;
    const context = { services, encoding, log, requestId: request.id, told };
    const connection = new Connection(socket, admitted, channel(socket, admitted), context);
    socket.consumer = connection;
    socket.closingFrame = encodedClosingFrame;
    socket.countForUser(app.userSockets.of(holderOf(admitted.viewer)));
    void connection.start();
  };

  app.route<Route>({
    method: 'GET',
    url,
    preValidation: check,
    // https://datatracker.ietf.org/doc/html/rfc9110#section-15.5.22
    handler: (_request, reply) =>
      reply
        .code(426)
        .headers({ Upgrade: 'websocket', Connection: 'Upgrade' })
        .send({ error: 'upgrade_required', message: 'This is a WebSocket; open it with a WebSocket client.' }),
    wsHandler: open,
  });
}

// One function for all sockets.
const encodedClosingFrame = (disconnect: Disconnect) => jsonFrame(closingFrame(disconnect));

/** A client fails the connection when none of the subprotocols that it offers is selected. A 400 tells it why. */
function checkSubprotocol({ headers }: FastifyRequest<Route>): void {
  const offers = offeredSubprotocols(headers);
  if (offers.length > 0 && !offers.includes(CHAT_PROTOCOL))
    throw new StreamRefusal(400, 'bad_request', `The subprotocol of this channel is ${CHAT_PROTOCOL}.`);
}

export default fp(realtime, { name: 'realtime', dependencies: ['services', 'websocket'] });
