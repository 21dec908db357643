import { allCpuPerMessage, answerP50, answerP99, cpuPerMessage, loadBusy, messagesPerSecond } from './figures.js';
import { count, type Form, RAISED_REQUEST_RATES, type Scenario, sizesOf, world } from './scenario.js';

const figures = [cpuPerMessage, messagesPerSecond, allCpuPerMessage, answerP50, answerP99, loadBusy];

const sizes = (form: Form) => sizesOf(form, { full: [10, 25, 50], quick: 50 });

export const sendsHttp: Scenario = {
  name: 'sends-http',
  title: 'Sends over HTTP (GraphQL; plain JSON at the thin server), a chat for each connection, nobody listens',
  base: 'thin',
  targets: ['service', 'thin'],
  raisedLimits: RAISED_REQUEST_RATES,
  variants: (form) =>
    sizes(form).map((connections) => ({
      size: connections,
      label: count(connections, 'connections'),
      world: world({}),
      work: {
        kind: 'sends-http',
        people: world({}).people,
        hallMessages: undefined,
        inFlight: connections,
        warmUpSeconds: form.warmUpSeconds,
        seconds: form.seconds,
      },
    })),
  figures,
};

const CROWD = 1000;

export const sendsCrowd: Scenario = {
  name: 'sends-crowd',
  title: `Sends over HTTP (GraphQL; plain JSON at the thin server), each by another of ${count(CROWD, 'people')} into another of ${count(CROWD, 'chats')}, nobody listens`,
  base: 'plain',
  targets: ['service', 'plain', 'thin'],
  raisedLimits: RAISED_REQUEST_RATES,
  variants: (form) =>
    sizesOf(form, { full: [50], quick: 50 }).map((connections) => ({
      size: connections,
      label: count(connections, 'connections'),
      world: world({ people: CROWD, rooms: CROWD }),
      work: {
        kind: 'sends-crowd',
        rooms: CROWD,
        people: CROWD,
        inFlight: connections,
        warmUpSeconds: form.warmUpSeconds,
        seconds: form.seconds,
      },
    })),
  figures,
};

export const sendsRaw: Scenario = {
  name: 'sends-raw',
  title: 'Sends over raw sockets, a chat for each socket, which hears itself',
  base: 'thin',
  targets: ['service', 'thin', 'socket.io'],
  // A socket sends as fast as it is answered.
  raisedLimits: { LIMIT_FRAMES_PER_SOCKET: 10_000 },
  variants: (form) =>
    sizes(form).map((connections) => ({
      size: connections,
      label: count(connections, 'sockets'),
      world: world({}),
      work: {
        kind: 'sends-socket',
        rooms: connections,
        people: world({}).people,
        inFlight: connections,
        warmUpSeconds: form.warmUpSeconds,
        seconds: form.seconds,
      },
    })),
  figures,
};
