import { canonicalId, countCharacters } from '../domain/text.js';

/** A bus payload that this version of the service cannot read. `field` names the part that is missing or invalid. */
export class MalformedPayload extends Error {
  constructor(readonly field: string) {
    super(`A payload from the bus is malformed: ${field}.`);
  }
}

export type JsonObject = Record<string, unknown>;

/*
 * The parsers of a payload and of its fields. Each returns the value when it is valid, and throws MalformedPayload otherwise.
 */

/** In characters: several times the longest event. Longer payloads are malformed. */
const MAX_PAYLOAD_LENGTH = 1_048_576;
/** The format of `Date.toISOString` for years with four digits. */
const TIMESTAMP = /^\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d\.\d{3}Z$/;

export function parsePayload(payload: string): JsonObject {
  if (payload.length > MAX_PAYLOAD_LENGTH) throw new MalformedPayload('its length');
  return object(parseJson(payload), 'the payload');
}

function parseJson(payload: string): unknown {
  try {
    return JSON.parse(payload);
  } catch {
    throw new MalformedPayload('its JSON');
  }
}

export function object(value: unknown, field: string): JsonObject {
  if (!isObject(value)) throw new MalformedPayload(field);
  return value;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A text that PostgreSQL can store, of at most `max` code points. */
export function text(value: unknown, field: string, max: number): string {
  if (typeof value !== 'string' || isLonger(value, max) || !value.isWellFormed() || value.includes('\0'))
    throw new MalformedPayload(field);
  return value;
}

/** A code point has one or two UTF-16 units, so most texts need not be counted. */
function isLonger(value: string, max: number): boolean {
  return value.length > max && (value.length > 2 * max || countCharacters(value) > max);
}

export function nonEmptyText(value: unknown, field: string, max: number): string {
  if (value === '') throw new MalformedPayload(field);
  return text(value, field, max);
}

/** An integer of at least 0. */
export function number(value: unknown, field: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw new MalformedPayload(field);
  return value;
}

/** At most `max` items, of any type. */
export function list(value: unknown, field: string, max: number): unknown[] {
  if (!Array.isArray(value) || value.length > max) throw new MalformedPayload(field);
  return value;
}

/** A UUID as PostgreSQL writes it. */
export function id(value: unknown, field: string): string {
  if (typeof value !== 'string' || canonicalId(value) !== value) throw new MalformedPayload(field);
  return value;
}

export function timestamp(value: unknown, field: string): string {
  if (typeof value !== 'string' || !TIMESTAMP.test(value)) throw new MalformedPayload(field);
  return value;
}
