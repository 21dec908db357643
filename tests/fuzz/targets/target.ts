import type fc from 'fast-check';
import type { Oracle } from '../oracle.js';

/** What an input is sent to, and what judges the answer. */
export interface Scene {
  port: number;
  oracle: Oracle;
  /** A text with its placeholders filled in. */
  fill: (text: string) => string;
}

/** One part of the service, and inputs for it. */
export interface Target<Input = unknown> {
  name: string;
  /** Of all inputs, how many go here. */
  weight: number;
  inputs: fc.Arbitrary<Input>;
  /** Sends one input and judges the answer. @throws Violation */
  send(input: Input, scene: Scene): Promise<void>;
}

/** How long any answer may take on a machine that does this and more. Milliseconds. */
export const PATIENCE_MS = 20_000;
