import type { EventOf, EventType } from '../../domain/log/chat-events.js';
import type { Audience } from '../audience.js';

/** Returns the members that an event of this kind has on the wire in addition to those of every event. */
export type WireContent<Type extends EventType> = (event: EventOf<Type>, audience: Audience) => object;
