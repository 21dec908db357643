/** Keeps `inFlight` turns running for this many seconds. Resolves when the last one has ended. */
export async function closedLoop(
  inFlight: number,
  seconds: number,
  turn: (slot: number, round: number) => Promise<void>,
): Promise<void> {
  const endAt = performance.now() + seconds * 1000;
  const slot = async (index: number) => {
    for (let round = 0; performance.now() < endAt; round += 1) await turn(index, round);
  };
  await Promise.all(Array.from({ length: inFlight }, (_, index) => slot(index)));
}

/** Runs `count` tasks, at most `atOnce` at a time. Resolves to their results in order. */
export async function inParallel<T>(count: number, atOnce: number, task: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < count; index = next++) results[index] = await task(index);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, worker));
  return results;
}
