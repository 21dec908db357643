import type { FastifyInstance, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { WebSocket } from 'ws';
import { ChatChannel } from '../channels/chat-channel.js';
import { FrameEncoding } from '../channels/frame-encoding.js';
import { holderOf } from '../plugins/limits/holder.js';
import { Admission, type AdmissionOptions, type Admitted, StreamRefusal } from '../plugins/streams/admission.js';
import { offeredSubprotocols } from '../plugins/streams/credentials.js';
import { ChatSocket } from '../plugins/websocket/chat-socket.js';
import type { Disconnect } from '../plugins/websocket/close-codes.js';
import { jsonFrame } from '../plugins/websocket/frame.js';
import { CHAT_PROTOCOL } from '../plugins/websocket/subprotocols.js';
import { closingFrame } from '../wire/frames.js';
import { Connection } from './connection.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set on the upgrade request of a raw channel when it passed the admission. */
    admitted: Admitted | null;
  }
}

interface Route {
  Params: { '*': string };
}

/** A wildcard: the router limits a `:parameter` to 100 UTF-16 units, and a name of 100 characters may have 200. */
const URL = '/ws/chat/*';

/** The raw channel, `/ws/chat/<name or id>/`: one WebSocket per chat, JSON text frames both ways (docs/raw-channel.md). */
async function realtime(app: FastifyInstance, options: AdmissionOptions) {
  const admission = new Admission(app.services, options);
  const encoding = new FrameEncoding(jsonFrame);
  app.decorateRequest('admitted', null);

  const admit = async (request: FastifyRequest<Route>) => {
    if (!request.ws) return;
    const { url, headers, params } = request;
    checkSubprotocol(request);
    // The trailing slash is optional. No chat name contains a slash.
    const name = params['*'].replace(/\/$/, '');
    const admitted = await admission.admitToChat({ name, url, headers });
    app.userSockets.claim(holderOf(admitted.viewer), request.raw.socket);
    request.admitted = admitted;
  };

  const open = (socket: WebSocket, request: FastifyRequest<Route>) => {
    const { admitted, id } = request;
    if (!admitted || !(socket instanceof ChatSocket)) throw new Error('A raw channel was opened past its admission.');
    const { services, log } = app;
    const channel = new ChatChannel(socket, admitted, { services, encoding });
    const connection = new Connection(socket, admitted, channel, { services, encoding, log, requestId: id });
    socket.consumer = connection;
    socket.closingFrame = encodedClosingFrame;
    socket.countForUser(app.userSockets.of(holderOf(admitted.viewer)));
    void connection.start();
  };

  app.route<Route>({
    method: 'GET',
    url: URL,
    preValidation: admit,
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
