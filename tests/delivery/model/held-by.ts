import type { ChatEvent } from '../../../src/domain/log/chat-events.js';
import { type ChatMessage, extrasOf } from '../../../src/domain/log/chat-message.js';
import { ModelBus } from './model-bus.js';
import { ModelLog } from './model-log.js';

export function revisionOf(message: ChatMessage): number {
  return extrasOf(message).revision;
}

/** The events and messages that these objects hold, but for what only functions can reach. */
export function heldBy(...roots: object[]): { events: ChatEvent[]; messages: ChatMessage[] } {
  const events: ChatEvent[] = [];
  const messages: ChatMessage[] = [];
  const seen = new Set<unknown>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || seen.has(value) || isTimer(value) || isOfModel(value)) return;
    seen.add(value);
    if (isEvent(value)) events.push(value);
    else if (isMessage(value)) messages.push(value);
    else if (value instanceof Map || value instanceof Set) for (const item of value.values()) visit(item);
    else for (const item of Object.values(value)) visit(item);
  };
  for (const root of roots) visit(root);
  return { events, messages };
}

/** A timer leads to all others, and holds nothing but functions. */
export const isTimer = (value: object) => 'hasRef' in value;
export const isOfModel = (value: object) => value instanceof ModelLog || value instanceof ModelBus;
export const isEvent = (value: object): value is ChatEvent => 'epoch' in value && 'type' in value;
export const isMessage = (value: object): value is ChatMessage => 'content' in value && 'sender' in value;
