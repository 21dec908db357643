import type { Positions } from './positions.js';
import type { Row } from './rows.js';

/** What is drawn above and below what is in view. Pixels. */
const AROUND = 900;
/** Drawn anew when less than this is left of it. */
const LEAST_AROUND = 300;
/** So near to its end, a list shows its end. */
const END = 48;

/** A row, and how far below its top the view begins. */
interface Anchor {
  key: string;
  below: number;
}

/** Keeps a windowed list where it is, while rows come, go and turn out higher than they were taken for. */
export class Scroll {
  isAtEnd = true;
  private rows: readonly Row[] = [];
  private drawn: readonly [first: number, last: number] = [0, -1];
  /** Of before a change, until what is in view is back in its place. */
  private anchor: Anchor | undefined;
  private top = 0;
  private height = 0;
  private width = 0;
  private scroller: HTMLElement | undefined;
  private list: HTMLElement | undefined;
  private observer: ResizeObserver | undefined;
  private readonly observed = new Set<Element>();

  constructor(
    readonly positions: Positions,
    private readonly redraw: () => void,
  ) {}

  setRows(rows: readonly Row[]): void {
    if (rows === this.rows) return;
    this.keep();
    this.rows = rows;
    this.positions.setKeys(rows.map(({ key }) => key));
  }

  /** The rows to draw now. */
  range(): readonly [first: number, last: number] {
    const { positions } = this;
    if (positions.count === 0) this.drawn = [0, -1];
    else {
      const height = this.height || globalThis.innerHeight;
      const top = this.wantedTop(height);
      this.drawn = [positions.indexAt(top - AROUND), positions.indexAt(top + height + AROUND)];
    }
    return this.drawn;
  }

  /** After a drawing: measures the rows, puts them in their places, and what was in view back into view. */
  settle(scroller: HTMLElement | null, list: HTMLElement | null): void {
    if (!scroller || !list) return;
    this.scroller = scroller;
    this.list = list;
    this.height = scroller.clientHeight;
    this.measure();
    for (const row of list.children)
      if (!this.observed.has(row)) {
        this.observed.add(row);
        this.observer?.observe(row);
      }
    for (const row of this.observed)
      if (!row.isConnected) {
        this.observed.delete(row);
        this.observer?.unobserve(row);
      }
  }

  /** Follows sizes that change without a drawing: of the window, and of rows. @returns what ends it */
  observe(scroller: HTMLElement | null, list: HTMLElement | null): () => void {
    if (!scroller || !list) return () => {};
    this.observer = new ResizeObserver(() => {
      const { clientWidth, clientHeight } = scroller;
      if (clientWidth !== this.width && this.width > 0) {
        this.keep();
        this.positions.forget();
      }
      this.width = clientWidth;
      this.height = clientHeight;
      this.measure();
    });
    this.observer.observe(scroller);
    for (const row of list.children) this.observer.observe(row);
    return () => this.observer?.disconnect();
  }

  /** The user, or this, has scrolled. */
  scrolled(): void {
    const { scroller } = this;
    if (!scroller) return;
    this.top = scroller.scrollTop;
    this.height = scroller.clientHeight;
    this.isAtEnd = scroller.scrollHeight - this.top - this.height < END;
    this.drawIfNeeded();
  }

  toEnd(): void {
    this.isAtEnd = true;
    this.anchor = undefined;
    this.place();
    this.redraw();
  }

  /** Brings a row into view, if it is not. */
  show(key: string): void {
    const index = this.positions.indexOf(key);
    const { scroller } = this;
    if (index === undefined || !scroller) return;
    const [top, end] = [this.positions.topOf(index) + this.offset, this.positions.topOf(index + 1) + this.offset];
    if (top >= this.top && end <= this.top + this.height) return;
    scroller.scrollTop = top < this.top ? top - this.height / 3 : end - this.height;
    this.scrolled();
    this.redraw();
  }

  /** Where the list begins in what is scrolled. */
  private get offset(): number {
    return this.list?.offsetTop ?? 0;
  }

  private keep(): void {
    const { positions, scroller } = this;
    if (this.anchor || this.isAtEnd || !scroller || positions.count === 0) return;
    const top = scroller.scrollTop - this.offset;
    const index = positions.indexAt(top);
    const key = positions.keyAt(index);
    if (key !== undefined) this.anchor = { key, below: top - positions.topOf(index) };
  }

  /** Where the view begins, in the list, once everything is in its place. */
  private wantedTop(height: number): number {
    const { positions, anchor } = this;
    if (this.isAtEnd) return positions.end - height;
    const index = anchor && positions.indexOf(anchor.key);
    if (anchor && index !== undefined) return positions.topOf(index) + anchor.below;
    return (this.scroller?.scrollTop ?? 0) - this.offset;
  }

  private measure(): void {
    const { list } = this;
    if (!list) return;
    const heights: [string, number][] = [];
    for (const row of list.children)
      if (row instanceof HTMLElement) heights.push([row.dataset.key ?? '', row.getBoundingClientRect().height]);
    this.keep();
    this.positions.measure(heights);
    this.place();
    this.anchor = undefined;
    this.drawIfNeeded();
  }

  private place(): void {
    const { list, scroller, positions } = this;
    if (!list || !scroller) return;
    const top = this.wantedTop(scroller.clientHeight) + this.offset;
    const height = `${positions.end}px`;
    if (list.style.height !== height) list.style.height = height;
    for (const row of list.children)
      if (row instanceof HTMLElement) {
        const at = `${positions.topOf(positions.indexOf(row.dataset.key ?? '') ?? 0)}px`;
        if (row.style.top !== at) row.style.top = at;
      }
    if (this.isAtEnd) scroller.scrollTop = scroller.scrollHeight;
    else if (this.anchor && Math.abs(scroller.scrollTop - top) >= 1) scroller.scrollTop = top;
    this.top = scroller.scrollTop;
  }

  private drawIfNeeded(): void {
    const { positions } = this;
    const [first, last] = this.drawn;
    if (positions.count === 0) return;
    const top = this.top - this.offset;
    const isDrawn =
      (first === 0 || positions.topOf(first) <= top - LEAST_AROUND) &&
      (last >= positions.count - 1 || positions.topOf(last + 1) >= top + this.height + LEAST_AROUND);
    if (!isDrawn) this.redraw();
  }
}
