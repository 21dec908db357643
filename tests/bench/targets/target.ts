import type { TargetAddress } from '../load/job.js';

export type TargetName = 'service' | 'thin' | 'socket.io' | 'ceiling' | 'mercurius';

/** A program that is measured. */
export interface Target extends Omit<TargetAddress, 'port' | 'dialect'> {
  name: TargetName;
  /** For tables. */
  title: string;
  /** Of its raw sockets. */
  sockets: 'channel' | 'socket.io' | 'none';
  /** The file to run, as the build leaves it, and what Node is told before it. */
  program: string;
  nodeOptions: string[];
  environment: Record<string, string>;
  /** Whether what it acknowledges must be in the database. */
  persists: boolean;
}
