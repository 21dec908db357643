import { person, ROOM_MEMBERS, roomMember } from '../../world/identities.js';
import { closedLoop } from '../closed-loop.js';
import { type Assembly, assembleRooms, dismiss } from '../crowd.js';
import { openSenders } from '../http-sender.js';
import type { Work } from '../job.js';
import type { Run } from '../run.js';

type Rooms = Extract<Work, { kind: 'rooms' | 'sends-socket' }>;

/** Many rooms with all their members, or with one each who hears only itself. Each slot of the loop walks its share of them. */
export async function rooms(run: Run, work: Rooms) {
  const { kind, rooms: count, people, inFlight, warmUpSeconds, seconds } = work;
  const perRoom = kind === 'rooms' ? ROOM_MEMBERS : 1;
  const all = await run.watched(assembleRooms(run, { rooms: count, perRoom, people }));
  const overHttp = kind === 'rooms' && work.sendOverHttp ? openSenders(run.target, inFlight) : undefined;
  const say = async (slot: number, round: number) => {
    // No room is two slots' share: they would meet there, hear each other's messages together and never part again.
    const share = Math.max(1, Math.ceil((count - slot) / inFlight));
    const index = (slot + (round % share) * inFlight) % count;
    const assembly = all[index];
    if (!overHttp) await memberWhoseTurnItIs(assembly, round)?.say();
    else if (assembly)
      await overHttp.senders[slot]?.say(assembly.ledger, person(roomMember(index, round % ROOM_MEMBERS, people)));
  };
  await run.watched(closedLoop(inFlight, warmUpSeconds, say));
  await run.measure('load', () => closedLoop(inFlight, seconds, say));
  dismiss(run, all);
  overHttp?.close();
}

function memberWhoseTurnItIs(assembly: Assembly | undefined, round: number) {
  return assembly?.members[round % assembly.members.length];
}
