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
import { count, type Scenario, sizesOf, world } from './scenario.js';

const SENDERS = 64;

export const manyChats: Scenario = {
  name: 'many-chats',
  title: `Many chats of ${ROOM_MEMBERS} members, all of them connected, ${SENDERS} messages under way`,
  base: 'thin',
  targets: ['service', 'thin', 'socket.io'],
  variants: (form) =>
    sizesOf(form, { full: [100, 300, 1000], quick: 100 }).map((rooms) => ({
      size: rooms,
      label: `${count(rooms, 'chats')}, ${count(rooms * ROOM_MEMBERS, 'sockets')}`,
      world: world({ rooms, people: rooms * ROOM_MEMBERS, hallMembers: ROOM_MEMBERS }),
      work: {
        kind: 'rooms',
        rooms,
        people: rooms * ROOM_MEMBERS,
        inFlight: SENDERS,
        warmUpSeconds: form.warmUpSeconds,
        seconds: form.seconds,
      },
    })),
  figures: [allCpuPerMessage, messagesPerSecond, cpuPerMessage, deliveryP50, deliveryP99, answerP99, loadBusy],
};
