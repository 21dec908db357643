import { isSeq } from '../../domain/log/cursor.js';
import { type ChatSignal, MAX_RECEIPTS, type Receipt } from '../../domain/signals.js';
import { readProfile } from '../message-on-bus.js';
import { id, list, MalformedPayload, object, parsePayload } from '../payload.js';

/** Reads a signal that a process published as JSON. @throws MalformedPayload for what this version cannot read */
export function parseSignal(payload: string): ChatSignal {
  const { type, user, thread, reads } = parsePayload(payload);
  if (type === 'typing')
    return { type, user: readProfile(user, 'user'), thread: thread === null ? null : id(thread, 'thread') };
  if (type === 'receipts') return { type, reads: list(reads, 'reads', MAX_RECEIPTS).map(readReceipt) };
  throw new MalformedPayload('type');
}

function readReceipt(value: unknown): Receipt {
  const { userId, seq } = object(value, 'reads');
  if (!isSeq(seq)) throw new MalformedPayload('reads.seq');
  return { userId: id(userId, 'reads.userId'), seq };
}
