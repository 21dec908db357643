import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import type { Bus } from '../delivery/bus.js';
import type { FlushScheduler } from '../delivery/flush-scheduler.js';
import { stateHints } from '../delivery/inbox/user-hints.js';
import {
  type DeliveryOptions,
  type DeliveryServices,
  deliveryServices,
  type OnError,
  startHub,
} from '../delivery/services.js';
import { type AccessOptions, type AccessServices, accessServices } from '../domain/access/services.js';
import { ChatMutex } from '../domain/chats/chat-mutex.js';
import { forgetDeletedChats } from '../domain/chats/deleted-chats.js';
import { DirectReads } from '../domain/chats/direct-reads.js';
import type { ChatCreation } from '../domain/chats/new-chats.js';
import { type ChatServices, chatServices } from '../domain/chats/services.js';
import { type CredentialOptions, credentialServices } from '../domain/credentials/services.js';
import type { Database } from '../domain/database.js';
import { type LogServices, logServices } from '../domain/log/services.js';
import { type MessageOptions, type MessageServices, messageServices } from '../domain/messages/services.js';
import type { MineCallbacks } from '../domain/mine/callbacks.js';
import { type MineOptions, type MineServices, mineServices } from '../domain/mine/services.js';
import { type ModerationOptions, type ModerationServices, moderationServices } from '../domain/moderation/services.js';
import { type PeopleOptions, type PeopleServices, peopleServices } from '../domain/people/services.js';
import type { UserChangeListener } from '../domain/people/users.js';
import { Sweeper } from '../domain/sweeper.js';

/** The services of the domain and of delivery, which GraphQL and the WebSockets use. */
export interface Services
  extends LogServices,
    PeopleServices,
    AccessServices,
    ChatServices,
    MessageServices,
    MineServices,
    ModerationServices,
    DeliveryServices {}

export interface ServicesOptions
  extends CredentialOptions,
    PeopleOptions,
    AccessOptions,
    MessageOptions,
    MineOptions,
    ModerationOptions,
    ChatCreation,
    DeliveryOptions {}

declare module 'fastify' {
  interface FastifyInstance {
    services: Services;
    flushScheduler: FlushScheduler;
  }
}

/** How often the rows of chats that were deleted long ago are looked for, in milliseconds. */
const CHAT_SWEEP_INTERVAL_MS = 600_000;

/** Creates all services on one database and one bus. `close` stops them, and waits for queued messages, reactions and read markers. */
export async function createServices(db: Database, bus: Bus, onError: OnError, options: ServicesOptions) {
  const log = logServices(db);
  const { flushScheduler, hub, hints, announce } = startHub(bus, log, onError, options);
  const credentials = credentialServices(options);
  // Sessions need `access`, and `access` and `people` notify sessions; what is read is told to chats by delivery, which is made last: these
  // callbacks break the cycles.
  const signIns = {
    revoked: (familyIds: string[]) => void sessions.announceRevoked(familyIds),
    rotated: (familyId: string) => void sessions.announceRotated(familyId),
    userChanged: (userId: string) => void sessions.announceUserChanged(userId),
  };
  const onUserChange: UserChangeListener = async ({ userId, endedFamilyIds }) => {
    if (endedFamilyIds.length > 0) signIns.revoked(endedFamilyIds);
    await sessions.announceUserChanged(userId);
  };
  const people = peopleServices(db, credentials, onUserChange, options);
  const { access, close: stopSweeping } = await accessServices(db, credentials, people, signIns, onError, options);
  const directReads = new DirectReads(db, options);
  const mutex = new ChatMutex(db);
  const onInvitation = (userId: string) => hints.announce(userId, { type: 'invitations' });
  const mineCallbacks: MineCallbacks = {
    stateChanged: (userId, chatIds, ofThreads) => {
      for (const hint of stateHints(chatIds, ofThreads)) hints.announce(userId, hint);
    },
    read: (receipt) => delivery.receipts.read(receipt),
  };
  const onStateChanged = (userId: string, chatId: string, ofThreads = false) =>
    mineCallbacks.stateChanged(userId, [chatId], ofThreads);
  const chats = chatServices(db, directReads, mutex, announce, onInvitation, onStateChanged, options);
  const { messages, close: closeMessages } = messageServices(
    db,
    log.chatLog,
    directReads,
    mutex,
    announce,
    onStateChanged,
    onError,
    options,
  );
  const { mine, close: closeMine } = mineServices(db, mineCallbacks, options);
  const { delivery, close: closeDelivery } = await deliveryServices(
    db,
    bus,
    { hub, hints },
    log,
    mine,
    chats,
    access,
    onError,
    options,
  );
  const { sessions } = delivery;
  const { moderation, close: closeModeration } = moderationServices(db, onError, options);
  const services: Services = {
    ...log,
    ...people,
    ...access,
    ...chats,
    ...messages,
    ...mine,
    ...moderation,
    ...delivery,
  };
  const chatSweeper = new Sweeper(() => forgetDeletedChats(db), {
    intervalMs: CHAT_SWEEP_INTERVAL_MS,
    onError: (error) => onError(error, 'delete the rows of deleted chats'),
  });
  const close = async () => {
    await Promise.all([stopSweeping(), chatSweeper.close(), closeModeration()]);
    await Promise.all([closeMessages(), closeMine()]);
    await closeDelivery();
    hub.close();
  };
  return { services, flushScheduler, close };
}

async function services(app: FastifyInstance, options: ServicesOptions) {
  const onError: OnError = (error, doing) => app.log.warn({ err: error }, `could not ${doing}; trying again`);
  const created = await createServices(app.db, app.bus, onError, {
    onTokenRefused: (refusal) => app.log.debug(refusal, 'refused a token of an issuer'),
    onAuditAnchor: (anchor) => app.log.info({ anchor }, 'anchor of the audit log'),
    ...options,
  });
  app.decorate('services', created.services);
  app.decorate('flushScheduler', created.flushScheduler);
  app.addHook('onClose', created.close);
}

export default fp(services, { name: 'services', dependencies: ['prisma', 'bus'] });
