/** Keeps `inFlight` turns under way for so many seconds. Resolves when the last of them is over. */
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

/** Does `count` things, at most `atOnce` of them at a time, and resolves to what came of them in their order. */
export async function inParallel<T>(count: number, atOnce: number, task: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < count; index = next++) results[index] = await task(index);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, worker));
  return results;
}
