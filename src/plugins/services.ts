import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import type { Bus } from '../delivery/bus.js';
import { ChatStreams } from '../delivery/chat-streams.js';
import { Hub } from '../delivery/hub.js';
import { Rounds } from '../delivery/rounds.js';
import { Sessions } from '../delivery/sessions.js';
import { type AttemptLimits, type AttemptStore, Attempts } from '../domain/attempts.js';
import { BrowserSessions } from '../domain/browser-sessions.js';
import { ChatLog } from '../domain/chat-log.js';
import { Chats } from '../domain/chats.js';
import { Clients } from '../domain/clients.js';
import type { Database } from '../domain/database.js';
import { ExternalUsers } from '../domain/external-users.js';
import { Memberships } from '../domain/memberships.js';
import { MemoryAttemptStore } from '../domain/memory-attempt-store.js';
import { MessagePages } from '../domain/message-pages.js';
import { Messages } from '../domain/messages.js';
import { PasswordHasher } from '../domain/passwords.js';
import { SignIn } from '../domain/sign-in.js';
import { Tokens } from '../domain/tokens/tokens.js';
import { ViewerCache } from '../domain/tokens/viewer-cache.js';
import { type UserChangeListener, Users } from '../domain/users.js';

/** What the edges may ask of the floors below. */
export interface Services {
  users: Users;
  chats: Chats;
  memberships: Memberships;
  messages: Messages;
  chatLog: ChatLog;
  messagePages: MessagePages;
  tokens: Tokens;
  viewers: ViewerCache;
  clients: Clients;
  signIn: SignIn;
  browserSessions: BrowserSessions;
  externalUsers: ExternalUsers;
  chatStreams: ChatStreams;
  sessions: Sessions;
}

export interface ServicesOptions {
  accessTokenSeconds: number;
  refreshTokenSeconds: number;
  /** The longest that a sign-in lives on refreshing alone, in seconds. */
  refreshTokenAbsoluteSeconds: number;
  /** How long a lost answer to a refresh may be asked for again, in seconds. */
  refreshGraceSeconds: number;
  /** How many wrong passwords and secrets are free. */
  attemptLimits: AttemptLimits;
  /** Where they are counted; in this process when it is not given. */
  attemptStore?: AttemptStore;
  /** See `HubOptions`. */
  probeIntervalMs?: number;
  /** See `SessionsOptions`. */
  recheckIntervalMs?: number;
}

/** Told of what failed behind the scenes and will be tried again. */
export type OnError = (error: unknown, doing: string) => void;

declare module 'fastify' {
  interface FastifyInstance {
    services: Services;
    rounds: Rounds;
  }
}

/** Puts the domain and the delivery together on one database and one bus; `close` ends what they started. */
export async function createServices(db: Database, bus: Bus, onError: OnError, options: ServicesOptions) {
  const hasher = new PasswordHasher();
  const attempts = new Attempts(options.attemptStore ?? new MemoryAttemptStore(), options.attemptLimits);
  const chats = new Chats(db);
  const chatLog = new ChatLog(db);
  const rounds = new Rounds();
  const hub = new Hub(bus, chatLog, rounds, { probeIntervalMs: options.probeIntervalMs ?? 1000, onError });
  const announce = hub.announce.bind(hub);
  const messages = new Messages(db, announce);
  const tokens: Tokens = new Tokens(
    db,
    options,
    (familyIds) => void sessions.announceRevoked(familyIds),
    (familyId) => void sessions.announceRotated(familyId),
  );
  const viewers = new ViewerCache((accessToken) => tokens.authenticate(accessToken));
  const signIns = {
    aliveFamilies: tokens.aliveFamilies.bind(tokens),
    forgetFamilies: viewers.forgetFamilies.bind(viewers),
    forgetUser: viewers.forgetUser.bind(viewers),
  };
  const sessions: Sessions = await Sessions.start(bus, signIns, {
    recheckIntervalMs: options.recheckIntervalMs ?? 30_000,
    onError,
  });
  const onUserChange: UserChangeListener = async ({ userId, signOut, exceptFamilyId }) => {
    if (signOut) await tokens.revokeUserFamilies(userId, exceptFamilyId);
    await sessions.announceUserChanged(userId);
  };
  const services: Services = {
    users: new Users(db, hasher, onUserChange, attempts),
    chats,
    memberships: new Memberships(db, announce),
    messages,
    chatLog,
    messagePages: new MessagePages(db),
    tokens,
    viewers,
    clients: new Clients(db, hasher, attempts),
    signIn: new SignIn(db, hasher, attempts),
    browserSessions: new BrowserSessions(db),
    externalUsers: new ExternalUsers(db),
    chatStreams: new ChatStreams(hub, chats, onError),
    sessions,
  };
  const close = async () => {
    await messages.drain();
    sessions.close();
    hub.close();
  };
  return { services, rounds, close };
}

async function services(app: FastifyInstance, options: ServicesOptions) {
  const onError: OnError = (error, doing) => app.log.warn({ err: error }, `could not ${doing}; trying again`);
  const created = await createServices(app.db, app.bus, onError, options);
  app.decorate('services', created.services);
  app.decorate('rounds', created.rounds);
  app.addHook('onClose', created.close);
}

export default fp(services, { name: 'services', dependencies: ['prisma', 'bus'] });
