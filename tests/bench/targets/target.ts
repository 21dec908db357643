import type { TargetAddress } from '../load/job.js';

export type TargetName = 'service' | 'before' | 'plain' | 'thin' | 'socket.io' | 'ceiling' | 'mercurius';

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
  /** Of the service: the folder of the project whose build it is. It has limits, and its databases the schema of that build. */
  project?: string;
  /** Where what it acknowledges must be, if anywhere: among the service's messages, or in a table of its own without numbers. */
  persists: 'numbered' | 'unnumbered' | 'nowhere';
}
