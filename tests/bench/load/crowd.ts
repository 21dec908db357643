import { HALL, person, room, roomMember } from '../world/identities.js';
import { inParallel } from './closed-loop.js';
import { channel } from './dialects/channel.js';
import type { Dialect } from './dialects/dialect.js';
import { eventStream } from './dialects/event-stream.js';
import { graphql } from './dialects/graphql.js';
import { socketIo } from './dialects/socket-io.js';
import type { TargetAddress } from './job.js';
import { Ledger } from './ledger.js';
import { Member } from './member.js';
import type { Run } from './run.js';
import { InvalidRun } from './tally.js';

/** Upgrades under way at once: a listening socket's backlog is a few hundred. */
export const OPENINGS_AT_ONCE = 64;

const dialects: Record<TargetAddress['dialect'], Dialect> = {
  channel,
  graphql,
  'socket.io': socketIo,
  'event-stream': eventStream,
};

/** The sockets of one chat, and the messages sent to it. */
export interface Assembly {
  ledger: Ledger;
  members: Member[];
}

/** The first `listeners` people, in the hall. */
export async function assembleHall(run: Run, listeners: number, base: number): Promise<Assembly> {
  const ledger = new Ledger(HALL, run.tally, base);
  const members = await inParallel(listeners, OPENINGS_AT_ONCE, (index) => openMember(run, ledger, index));
  return { ledger, members };
}

/** The first `perRoom` members of each room. */
export async function assembleRooms(
  run: Run,
  { rooms, perRoom, people }: { rooms: number; perRoom: number; people: number },
): Promise<Assembly[]> {
  const all = Array.from({ length: rooms }, (_, index) => ({ ledger: new Ledger(room(index), run.tally, 0), index }));
  const sockets = await inParallel(rooms * perRoom, OPENINGS_AT_ONCE, (index) => {
    const entry = all[index % rooms];
    if (!entry) throw new Error('There is no room.');
    return openMember(run, entry.ledger, roomMember(entry.index, Math.floor(index / rooms), people));
  });
  return all.map(({ ledger, index }) => ({ ledger, members: sockets.filter((_, socket) => socket % rooms === index) }));
}

export function openMember(run: Run, ledger: Ledger, personIndex: number, after?: string): Promise<Member> {
  const { target, tally } = run;
  return Member.open({
    target,
    dialect: dialects[target.dialect],
    ledger,
    person: person(personIndex),
    tally,
    ...(after !== undefined && { after }),
  });
}

/** Checks that every socket got all acknowledged messages and no others. Counts those out of order, and closes the sockets. */
export function dismiss(run: Run, assemblies: readonly Assembly[]): void {
  for (const { ledger, members } of assemblies)
    for (const member of members) {
      run.tally.outOfOrder += member.outOfOrder;
      const nothingWasSaid = ledger.head === ledger.base;
      if (!nothingWasSaid && !member.hasAllUpTo(ledger.head))
        throw new InvalidRun(
          `A socket of ${ledger.chat.name} is due number ${member.next} where ${ledger.head} is the last.`,
        );
      member.close();
    }
}
