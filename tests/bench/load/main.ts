import type { Job, Order, Report } from './job.js';
import { Run } from './run.js';
import { changes } from './works/changes.js';
import { fanOut } from './works/fan-out.js';
import { history } from './works/history.js';
import { idle } from './works/idle.js';
import { resume } from './works/resume.js';
import { rooms } from './works/rooms.js';
import { sendsCrowd } from './works/sends-crowd.js';
import { sendsHttp } from './works/sends-http.js';
import { steady } from './works/steady.js';

/** The process that makes the load: one job, its report, and its end. */
let onMarked: () => void = () => {};

process.on('message', (order: Order) => {
  if (order.kind === 'marked') onMarked();
  else void work(order.job);
});

async function work(job: Job): Promise<void> {
  const run = new Run(job, mark);
  try {
    await perform(run, job.work);
    report({ kind: 'done', outcome: run.outcome() });
  } catch (error) {
    report({ kind: 'invalid', reason: error instanceof Error ? error.message : String(error) });
  }
}

function perform(run: Run, work: Job['work']): Promise<void> {
  switch (work.kind) {
    case 'fan-out':
      return fanOut(run, work);
    case 'steady':
      return steady(run, work);
    case 'rooms':
    case 'sends-socket':
      return rooms(run, work);
    case 'sends-http':
      return sendsHttp(run, work);
    case 'sends-crowd':
      return sendsCrowd(run, work);
    case 'changes':
      return changes(run, work);
    case 'idle':
      return idle(run, work);
    case 'history':
      return history(run, work);
    case 'resume':
      return resume(run, work);
  }
}

function mark(phase: string, edge: 'begin' | 'end'): Promise<void> {
  return new Promise((resolve) => {
    onMarked = resolve;
    report({ kind: 'mark', phase, edge });
  });
}

function report(report: Report): void {
  process.send?.(report);
}
