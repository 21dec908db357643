import { person, ROOM_MEMBERS, room, roomMember } from '../../world/identities.js';
import { closedLoop } from '../closed-loop.js';
import { openSenders } from '../http-sender.js';
import type { Work } from '../job.js';
import { Ledger } from '../ledger.js';
import type { Run } from '../run.js';

type SendsCrowd = Extract<Work, { kind: 'sends-crowd' }>;

/** Sends that nobody listens to, each by the next person into the next room, as they come from a proxy's few connections. */
export async function sendsCrowd(run: Run, { rooms, people, inFlight, warmUpSeconds, seconds }: SendsCrowd) {
  const { senders, close } = openSenders(run.target, inFlight);
  const ledgers = Array.from({ length: rooms }, (_, index) => new Ledger(room(index), run.tally, 0));
  let turn = 0;
  const say = async (slot: number) => {
    const { roomIndex, personIndex } = senderOf(turn, rooms, people);
    const ledger = ledgers[roomIndex];
    turn += 1;
    if (ledger) await senders[slot]?.say(ledger, person(personIndex));
  };
  await run.watched(closedLoop(inFlight, warmUpSeconds, say));
  await run.measure('load', () => closedLoop(inFlight, seconds, say));
  close();
}

/** With as many rooms as people, everybody's turn and every room's comes once in so many. */
export function senderOf(turn: number, rooms: number, people: number): { roomIndex: number; personIndex: number } {
  const roomIndex = turn % rooms;
  const place = Math.floor((roomIndex * ROOM_MEMBERS) / people) % ROOM_MEMBERS;
  return { roomIndex, personIndex: roomMember(roomIndex, place, people) };
}
