/** What a step upwards in a timeline came to. */
export interface ScrollProbe {
  /** Whether it is at the top of what is loaded. */
  isAtTop: boolean;
  /** How many rows are drawn. */
  drawn: number;
  /** By how many pixels the first row in view was moved, by all that was loaded and measured meanwhile. */
  moved: number;
}

/** Scrolls the first timeline of a page up, and looks for some frames whether what is in view stays there. */
export const SCROLL_UP = `(async () => {
  const timeline = document.querySelector('.timeline');
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  const topOf = (row) => row.getBoundingClientRect().top;
  timeline.scrollTop -= 350;
  await frame();
  await frame();
  const edge = topOf(timeline) + 1;
  const inView = [...timeline.querySelectorAll('article')]
    .filter((row) => row.getBoundingClientRect().bottom > edge)
    .sort((one, other) => topOf(one) - topOf(other))[0];
  const before = topOf(inView);
  for (let frames = 0; frames < 5; frames += 1) await frame();
  return {
    isAtTop: timeline.scrollTop === 0,
    drawn: timeline.querySelectorAll('article').length,
    moved: inView.isConnected ? Math.abs(topOf(inView) - before) : 0,
  };
})()`;
