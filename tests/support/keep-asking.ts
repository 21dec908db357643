import { Agent, get } from 'node:http';

const ANSWER_MS = 10_000;

/**
 * Asks over and over until it is stopped, on connections that it keeps, or on a new one each time. Returns the answers that were not 200, and how
 * many were.
 */
export function keepAsking(url: string, { keepAlive = true } = {}) {
  const agents = Array.from({ length: 8 }, () => new Agent({ keepAlive, maxSockets: 1 }));
  const failures: unknown[] = [];
  let count = 0;
  let isAsking = true;
  const ask = async (agent: Agent) => {
    while (isAsking)
      await new Promise<void>((resolve) => {
        const request = get(url, { agent, timeout: ANSWER_MS }, (response) => {
          if (response.statusCode === 200) count += 1;
          else failures.push(response.statusCode);
          response.resume();
          response.once('close', resolve);
        }).once('error', (error) => {
          failures.push(error.message);
          resolve();
        });
        // A connection on its way to a process that is killed may never be answered.
        request.once('timeout', () => request.destroy(new Error('no answer')));
      });
    agent.destroy();
  };
  const all = agents.map(ask);
  return async () => {
    isAsking = false;
    await Promise.all(all);
    return { failures, count };
  };
}
