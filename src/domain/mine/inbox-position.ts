import { badInput } from '../errors.js';
import { isEpoch, isSeq } from '../log/cursor.js';

/** Up to where a client has what happened in some of its chats: everything with a mark below `below`. */
export interface PositionLevel {
  /** The chats with an id below this, and not below that of the level before; null for all others. */
  idBelow: string | null;
  /** A mark, see src/domain/log/marks.ts. */
  below: number;
}

/**
 * What a client has of all its chats. In a chat that is among the exceptions it has the changes up to that number; in any other those
 * with marks below the chat's level.
 *
 * A client that was away for long catches up chat by chat, in the order of their ids. So there is a level for the chats that have
 * caught up and one for the others; a client that is cut off meanwhile again has three.
 */
export interface InboxPosition {
  /** The deployment's epoch, which marks count in. */
  instance: string;
  /** The client has all states of its own (markers, preferences) whose marks are below this. */
  statesBelow: number;
  /** In ascending order; the last one has no bound. */
  levels: readonly PositionLevel[];
  /** By chat id. */
  exceptions: ReadonlyMap<string, number>;
}

/** More would not fit into a header or a URL. */
export const MAX_EXCEPTIONS = 300;
/** A client that was cut off so often while it caught up has to load its chats again. */
export const MAX_LEVELS = 8;

const PREFIX = 'i1.';
const MAX_LENGTH = 8192;
const EPOCH_LENGTH = 16;
const ID_BYTES = 16;
const MARK_BYTES = 8;
const LEVEL_BYTES = ID_BYTES + MARK_BYTES;
const EXCEPTION_BYTES = ID_BYTES + 4;
/** Room for further ones. */
const SPARE_EXCEPTIONS = 4;
const HEAD_BYTES = EPOCH_LENGTH + MARK_BYTES + 2;

/** The opaque text of a position, at most 8 KiB. */
export function formatPosition(position: InboxPosition): string {
  return new PositionText(position).toString();
}

/** The text of a position to which exceptions are added: one more costs the same however many there are. */
export class PositionText {
  private bytes: Buffer;
  private length: number;
  /** Where the exceptions stand, by chat id. */
  private readonly places = new Map<string, number>();

  constructor({ instance, statesBelow, levels, exceptions }: InboxPosition) {
    const lower = levels.slice(0, -1);
    const exceptionsAt = HEAD_BYTES + MARK_BYTES + lower.length * LEVEL_BYTES;
    const bytes = Buffer.alloc(exceptionsAt + (exceptions.size + SPARE_EXCEPTIONS) * EXCEPTION_BYTES);
    bytes.write(instance, 0, 'latin1');
    bytes.writeDoubleBE(statesBelow, EPOCH_LENGTH);
    bytes.writeUInt16BE(lower.length, EPOCH_LENGTH + MARK_BYTES);
    let at = bytes.writeDoubleBE(levels.at(-1)?.below ?? 0, HEAD_BYTES);
    for (const { idBelow, below } of lower) {
      at += bytes.write(hexOf(idBelow ?? ''), at, 'hex');
      at = bytes.writeDoubleBE(below, at);
    }
    this.bytes = bytes;
    this.length = at;
    for (const [chatId, seq] of exceptions) this.except(chatId, seq);
  }

  /** The chat is an exception from now on, with this number. */
  except(chatId: string, seq: number): void {
    const known = this.places.get(chatId);
    if (known !== undefined) {
      this.bytes.writeUInt32BE(seq, known + ID_BYTES);
      return;
    }
    const place = this.length;
    if (place + EXCEPTION_BYTES > this.bytes.length) this.bytes = Buffer.concat([this.bytes], 2 * this.bytes.length);
    this.bytes.write(hexOf(chatId), place, 'hex');
    this.length = this.bytes.writeUInt32BE(seq, place + ID_BYTES);
    this.places.set(chatId, place);
  }

  toString(): string {
    return PREFIX + this.bytes.toString('base64url', 0, this.length);
  }
}

/** @throws DomainError `BAD_USER_INPUT`, field `after`, for anything that `formatPosition` does not write */
export function parsePosition(text: string): InboxPosition {
  const position = read(text);
  if (!position || formatPosition(position) !== text)
    throw badInput('after', 'after must be a position that this service sent.');
  return position;
}

function read(text: string): InboxPosition | undefined {
  if (!text.startsWith(PREFIX) || text.length > MAX_LENGTH) return undefined;
  const bytes = Buffer.from(text.slice(PREFIX.length), 'base64url');
  if (bytes.length < HEAD_BYTES + MARK_BYTES) return undefined;
  const lower = bytes.readUInt16BE(EPOCH_LENGTH + MARK_BYTES);
  const exceptionsAt = HEAD_BYTES + MARK_BYTES + lower * LEVEL_BYTES;
  const count = (bytes.length - exceptionsAt) / EXCEPTION_BYTES;
  if (lower >= MAX_LEVELS || !Number.isInteger(count) || count < 0 || count > MAX_EXCEPTIONS) return undefined;
  const levels: PositionLevel[] = [];
  for (let at = HEAD_BYTES + MARK_BYTES; at < exceptionsAt; at += LEVEL_BYTES)
    levels.push({ idBelow: idAt(bytes, at), below: bytes.readDoubleBE(at + ID_BYTES) });
  levels.push({ idBelow: null, below: bytes.readDoubleBE(HEAD_BYTES) });
  const exceptions = new Map<string, number>();
  for (let at = exceptionsAt; at < bytes.length; at += EXCEPTION_BYTES)
    exceptions.set(idAt(bytes, at), bytes.readUInt32BE(at + ID_BYTES));
  const instance = bytes.toString('latin1', 0, EPOCH_LENGTH).replace(/\0+$/, '');
  const statesBelow = bytes.readDoubleBE(EPOCH_LENGTH);
  const isValid =
    isEpoch(instance) &&
    [statesBelow, ...levels.map(({ below }) => below)].every(isMark) &&
    [...exceptions.values()].every(isSeq);
  return isValid ? { instance, statesBelow, levels, exceptions } : undefined;
}

function isMark(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function hexOf(id: string): string {
  return id.replaceAll('-', '');
}

function idAt(bytes: Buffer, at: number): string {
  const hex = bytes.toString('hex', at, at + ID_BYTES);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
