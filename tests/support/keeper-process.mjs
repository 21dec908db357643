// Reads what another process started, one JSON line each, and ends all of it when that process closes the pipe or dies.
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const processes = new Map();
const folders = new Set();

for await (const line of createInterface({ input: process.stdin })) {
  const { keep, forget, signal } = JSON.parse(line);
  if (typeof keep === 'number') processes.set(keep, signal);
  if (typeof keep === 'string') folders.add(keep);
  processes.delete(forget);
  folders.delete(forget);
}

for (const [pid, signal] of processes) end(pid, signal);
for (let waited = 0; waited < 5000 && [...processes.keys()].some((pid) => end(pid, 0)); waited += 50) await sleep(50);
for (const pid of processes.keys()) end(pid, 'SIGKILL');
for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });

/** False when there is no such process any more. */
function end(pid, signal) {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
