import { HALL, person, room, roomMember } from '../../world/identities.js';
import { closedLoop } from '../closed-loop.js';
import { openSenders } from '../http-sender.js';
import type { Work } from '../job.js';
import { Ledger } from '../ledger.js';
import type { Run } from '../run.js';

type SendsHttp = Extract<Work, { kind: 'sends-http' }>;

/** Sends that nobody listens to. Each connection is a person who sends to a room of their own, or all of them to the hall. */
export async function sendsHttp(run: Run, { people, hallMessages, inFlight, warmUpSeconds, seconds }: SendsHttp) {
  const hall = hallMessages === undefined ? undefined : new Ledger(HALL, run.tally, hallMessages);
  const { senders, close } = openSenders(run.target, inFlight);
  const connections = senders.map((sender, index) => ({
    sender,
    person: person(hall ? index : roomMember(index, 0, people)),
    ledger: hall ?? new Ledger(room(index), run.tally, 0),
  }));
  const say = async (slot: number) => {
    const connection = connections[slot];
    if (connection) await connection.sender.say(connection.ledger, connection.person);
  };
  await run.watched(closedLoop(inFlight, warmUpSeconds, say));
  await run.measure('load', () => closedLoop(inFlight, seconds, say));
  close();
}
