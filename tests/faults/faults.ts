import type { Disturbance } from './unreliable-bus.js';

/** A fault as data: the plan of faults is made from a seed before the run starts. Times in milliseconds. */
export type Fault =
  | { kind: 'kill service'; service: number; forMs: number }
  | { kind: 'crash postgres'; forMs: number }
  | { kind: 'terminate backends' }
  | { kind: 'freeze postgres'; forMs: number }
  /** One that writes, and keeps nothing locked. */
  | { kind: 'hold transaction'; forMs: number }
  | { kind: 'kill redis'; forMs: number }
  | { kind: 'freeze redis'; forMs: number }
  | { kind: 'cut redis clients'; everyMs: number; forMs: number }
  | { kind: 'disturb bus'; disturbance: Disturbance; forMs: number }
  /** `clients`: indices into the listeners that are reached through a proxy. */
  | { kind: 'cut clients'; clients: number[] }
  | { kind: 'slow clients'; clients: number[]; bytesPerSecond: number; forMs: number }
  /** For so long after so many messages have filled what holds bytes on their way. */
  | { kind: 'stall clients'; clients: number[]; fillMessages: number; forMs: number };
