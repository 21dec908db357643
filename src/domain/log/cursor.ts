import { badInput } from '../errors.js';

/** A position in a chat's history: its holder has everything up to and including `seq`. */
export interface Cursor {
  epoch: string;
  seq: number;
}

const CURSOR = /^([a-z0-9]{1,16}):(0|[1-9]\d{0,9})$/;
const EPOCH = /^[a-z0-9]{1,16}$/;
const MAX_SEQ = 2 ** 31 - 1;

export function isEpoch(value: unknown): value is string {
  return typeof value === 'string' && EPOCH.test(value);
}

export function isSeq(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= MAX_SEQ;
}

export function formatCursor({ epoch, seq }: Cursor): string {
  return `${epoch}:${seq}`;
}

/** @throws DomainError `BAD_USER_INPUT` when `text` is not `<epoch>:<seq>`. */
export function parseCursor(field: string, text: string): Cursor {
  const match = CURSOR.exec(text);
  const seq = Number(match?.[2]);
  if (!match?.[1] || seq > MAX_SEQ)
    throw badInput(field, `${field} must be a cursor that this service gave, like "k3f9:57".`);
  return { epoch: match[1], seq };
}
