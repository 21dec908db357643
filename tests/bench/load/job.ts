/** A target's addresses and protocol. */
export interface TargetAddress {
  port: number;
  /** Of its sockets and streams. */
  dialect: 'channel' | 'socket.io' | 'graphql' | 'event-stream';
  /** Of its HTTP. */
  http: 'graphql' | 'plain';
  /** Whether it promises a chat's messages in order. If not, only exactly-once delivery is checked. */
  ordered: boolean;
}

/** A closed loop: this many messages are in flight, each until it is acknowledged and every listener has it. */
interface Loop {
  inFlight: number;
  warmUpSeconds: number;
  seconds: number;
}

/** What is asked of each message of a page. */
export type PageFields = 'plain' | 'with senders' | 'everything';

export type Work =
  /** Everybody in the hall; the listeners send in turn, or others do over HTTP. */
  | ({ kind: 'fan-out'; listeners: number; sendOverHttp: boolean } & Loop)
  /** The hall at a fixed rate, whatever the answers; sent as at the fan-out. */
  | {
      kind: 'steady';
      listeners: number;
      sendOverHttp: boolean;
      perSecond: number;
      warmUpSeconds: number;
      seconds: number;
    }
  /** Every room with all its members, who send in turn: over their sockets, or over a connection for each message under way. */
  | ({ kind: 'rooms'; rooms: number; people: number; sendOverHttp: boolean } & Loop)
  /**
   * One connection for each message under way, each to a room of its own, or all to the hall when it is told how many
   * messages there are in it. Nobody listens.
   */
  | ({ kind: 'sends-http'; people: number; hallMessages: number | undefined } & Loop)
  /** Each message by the next person into the next room, over one of as many connections as messages are under way. */
  | ({ kind: 'sends-crowd'; rooms: number; people: number } & Loop)
  /** Changes of messages, each connection of those of one person in a room of their own. Nobody listens. */
  | ({ kind: 'changes'; change: 'send' | 'edit' | 'delete' | 'pin'; people: number } & Loop)
  /** Rooms with one socket each, which sends and hears itself. */
  | ({ kind: 'sends-socket'; rooms: number; people: number } & Loop)
  | { kind: 'idle'; sockets: number; seconds: number }
  /** Pages of the hall's history, each connection one at a time. */
  | ({ kind: 'history'; head: number; depth: number; fields: PageFields } & Loop)
  /** Everybody in the hall comes back at once. */
  | { kind: 'resume'; clients: number; behind: number; head: number };

export interface Job {
  target: TargetAddress;
  work: Work;
}

/** Milliseconds. */
export interface Percentiles {
  p50: number;
  p99: number;
  max: number;
}

/** The result of a job. */
export interface Outcome {
  /** In the measured phase. */
  messages: number;
  connected: number;
  deliveries: number;
  /** From the moment a message was due to each of its deliveries. */
  delivery: Percentiles | undefined;
  /** From the moment a message or request was due to its answer. */
  answer: Percentiles | undefined;
  /** Deliveries of the whole job that came before one with a lower number. */
  outOfOrder: number;
  /** Messages that were acknowledged in the whole job. */
  acknowledged: number;
}

/** From the load's process to the one that started it; the mark of a phase is answered with `marked`. */
export type Report =
  | { kind: 'mark'; phase: string; edge: 'begin' | 'end' }
  | { kind: 'done'; outcome: Outcome }
  | { kind: 'invalid'; reason: string };

export type Order = { kind: 'work'; job: Job } | { kind: 'marked' };
