import type { FastifyRequest } from 'fastify';
import { badInput } from '../domain/errors.js';

/** What a request to an incoming hook says. Other members of the body are ignored: programs send what other services take. */
export interface HookMessage {
  content: string;
  nonce: string | undefined;
  /** The id of the root of the thread that the message is a reply in. */
  thread: string | undefined;
}

/** @throws DomainError `BAD_USER_INPUT` naming the member of the body */
export function hookMessage({ body, headers }: FastifyRequest): HookMessage {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw badInput('body', 'The body must be a JSON object.');
  const content = same('content', textOf(body, 'content'), textOf(body, 'text'), 'content and text');
  if (content === undefined) throw badInput('content', 'content must be given.');
  const key = idempotencyKey(headers['idempotency-key']);
  const nonce = same('nonce', textOf(body, 'nonce'), key, 'nonce and Idempotency-Key');
  return { content, nonce, thread: textOf(body, 'thread') };
}

function textOf(body: object, name: string): string | undefined {
  const value: unknown = Object.hasOwn(body, name) ? Reflect.get(body, name) : undefined;
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw badInput(name, `${name} must be a text.`);
  return value;
}

/** Two names for one thing, of which a request may use either. */
function same(field: string, one: string | undefined, other: string | undefined, names: string): string | undefined {
  if (one !== undefined && other !== undefined && one !== other) throw badInput(field, `${names} must not differ.`);
  return one ?? other;
}

/** In quotes, as the draft of a norm has it (https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/), or without. */
function idempotencyKey(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  const text = String(header);
  return /^"(.*)"$/.exec(text)?.[1] ?? text;
}
