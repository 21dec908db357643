import { ROOM_MEMBERS } from '../world/identities.js';
import {
  allCpuPerMessage,
  answerP99,
  cpuPerMessage,
  deliveryP50,
  deliveryP99,
  loadBusy,
  messagesPerSecond,
} from './figures.js';
import { count, type Form, RAISED_REQUEST_RATES, type Scenario, sizesOf, type Variant, world } from './scenario.js';

const SENDERS = 64;

const figures = [allCpuPerMessage, messagesPerSecond, cpuPerMessage, deliveryP50, deliveryP99, answerP99, loadBusy];

function variants(form: Form, sendOverHttp: boolean, full: readonly number[]): Variant[] {
  const { warmUpSeconds, seconds } = form;
  return sizesOf(form, { full, quick: 100 }).map((rooms) => {
    const people = rooms * ROOM_MEMBERS;
    return {
      size: rooms,
      label: `${count(rooms, 'chats')}, ${count(people, 'sockets')}`,
      world: world({ rooms, people, hallMembers: ROOM_MEMBERS }),
      work: { kind: 'rooms', rooms, people, sendOverHttp, inFlight: SENDERS, warmUpSeconds, seconds },
    };
  });
}

export const manyChats: Scenario = {
  name: 'many-chats',
  title: `Many chats of ${ROOM_MEMBERS} members, all of them connected, ${SENDERS} messages under way`,
  base: 'thin',
  targets: ['service', 'thin', 'socket.io'],
  variants: (form) => variants(form, false, [100, 300, 1000]),
  figures,
};

export const manyChatsHttp: Scenario = {
  name: 'many-chats-http',
  title: `Many chats of ${ROOM_MEMBERS} members, all of them connected, ${SENDERS} messages under way, sent over HTTP (GraphQL; plain JSON at the thin server)`,
  base: 'plain',
  targets: ['service', 'plain', 'thin'],
  raisedLimits: RAISED_REQUEST_RATES,
  variants: (form) => variants(form, true, [1000]),
  figures,
};
