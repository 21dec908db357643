import type { Row } from '../database-state.js';
import { grouped, type SendStory, type Stories } from './stories.js';
import { seconds, type Violation, violation } from './violation.js';

/** Every acknowledged send is in the database exactly once, with the number it was told; every other one at most once. */
export function checkSends(stories: Stories): Violation[] {
  const rows = grouped(stories.database.rows, (row) => row.nonce ?? '');
  const found: Violation[] = [];
  for (const send of stories.sends.values()) {
    const written = rows.get(send.name) ?? [];
    const { acknowledged } = send;
    if (written.length > 1)
      found.push(violation('a nonce makes one message', `${nameOf(send)} is in the database ${written.length} times`));
    if (!acknowledged) {
      if (!Number.isFinite(send.settledAt))
        found.push(violation('every send is answered in the end', `${nameOf(send)} never was`));
      continue;
    }
    const [row] = written;
    if (!row) {
      found.push(violation('nothing acknowledged is lost', `${nameOf(send)} was told ${acknowledged.seq} and is gone`));
      continue;
    }
    const told = { chat: send.chat, seq: acknowledged.seq, subject: acknowledged.message };
    const kept = { chat: row.chat, seq: row.seq, subject: row.subject };
    const [original] = row.versions ?? [];
    const isKept = JSON.stringify(told) === JSON.stringify(kept) && (original ?? send.content) === send.content;
    // The answer to a repeated send shows the message as it is by then.
    if (!isKept || stories.messages.get(row.subject)?.find(acknowledged.state, 0) === undefined)
      found.push(
        violation(
          'what was acknowledged is what was written',
          `${nameOf(send)}: told ${JSON.stringify({ ...told, ...acknowledged.state })}, kept ${JSON.stringify(row)}`,
        ),
      );
    if (!isAsAsked(send, row))
      found.push(violation('what was acknowledged is what was written', `${nameOf(send)}: refers to others`));
  }
  for (const row of stories.database.rows)
    if (row.kind === 'message.created' && !stories.sends.has(row.nonce ?? ''))
      found.push(violation('nobody else writes', `message ${row.subject} (${row.nonce}) was sent by nobody`));
  return [...found, ...checkOrder(stories)];
}

/** The message quotes, and is a reply to, what its sender asked for. */
function isAsAsked({ refersTo }: SendStory, { message }: Row): boolean {
  const refers = new Set([message?.replyTo, message?.thread].filter((id) => id !== undefined));
  return refers.size === new Set(refersTo).size && refersTo.every((id) => refers.has(id));
}

/** A sender that waits for each answer finds its messages in the order it sent them. */
function checkOrder(stories: Stories): Violation[] {
  const found: Violation[] = [];
  const last = new Map<string, SendStory>();
  for (const send of stories.sends.values()) {
    if (!send.acknowledged) continue;
    const key = `${send.client} ${send.chat}`;
    const before = last.get(key)?.acknowledged;
    if (before && before.seq >= send.acknowledged.seq)
      found.push(
        violation(
          "a sender's own order is kept",
          `${nameOf(send)} got ${send.acknowledged.seq}, its predecessor ${before.nonce} got ${before.seq}`,
        ),
      );
    last.set(key, send);
  }
  return found;
}

function nameOf({ name, attempts: [first] }: SendStory): string {
  return `${name} (${seconds(first?.invokedAt ?? 0)})`;
}
