import type { ComponentChildren } from 'preact';
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { announce } from '../ui/announcer.js';
import { Icon } from '../ui/icons.js';
import { attempt } from '../ui/problems.js';
import { Positions } from './positions.js';
import type { Row } from './rows.js';
import { Scroll } from './scroll.js';

interface TimelineProps {
  label: string;
  rows: readonly Row[];
  draw: (row: Row, isActive: boolean) => ComponentChildren;
  /** What stands above the first row of all. */
  beginning: ComponentChildren;
  hasEarlier: boolean;
  loadEarlier: () => Promise<void>;
  isLoading: boolean;
  /** The key of a row to show. A new object shows it again. */
  shown?: { key: string } | undefined;
  /** Whether the newest row is in view. */
  onEnd: (isAtEnd: boolean) => void;
}

/** So many rows before the first that is loaded, earlier ones are asked for. */
const EARLY = 12;
const ROW_ESTIMATE = 56;

/**
 * A list of any length, of which what is in view is drawn, and a little around it. What is in view stays where it is, whatever comes
 * above it; a list that shows its end goes on showing it. A feed: arrows move between its articles
 * (https://www.w3.org/WAI/ARIA/apg/patterns/feed/).
 */
export function Timeline(props: TimelineProps) {
  const { label, rows, draw, beginning, hasEarlier, loadEarlier, isLoading, shown, onEnd } = props;
  const [, redraw] = useState({});
  const [isAtEnd, setAtEnd] = useState(true);
  const [active, setActive] = useState<string | undefined>();
  const scroller = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const scroll = useRef<Scroll | undefined>(undefined);
  scroll.current ??= new Scroll(new Positions(ROW_ESTIMATE), () => redraw({}));
  const { current: state } = scroll;
  state.setRows(rows);
  const [first, last] = state.range();

  useLayoutEffect(() => state.settle(scroller.current, list.current));
  useLayoutEffect(() => state.observe(scroller.current, list.current), []);
  useEffect(() => {
    if (hasEarlier && !isLoading && rows.length > 0 && first < EARLY) void attempt(loadEarlier);
  }, [hasEarlier, isLoading, first, rows.length]);
  useEffect(() => onEnd(isAtEnd), [isAtEnd]);
  useEffect(() => {
    const index = shown && state.positions.indexOf(shown.key);
    if (index !== undefined) focusRow(index);
  }, [shown]);
  useAnnouncements(rows);

  const onScroll = useCallback(() => {
    state.scrolled();
    setAtEnd(state.isAtEnd);
  }, []);
  const focusRow = (index: number) => {
    const row = rows[Math.max(0, Math.min(rows.length - 1, index))];
    if (!row) return;
    setActive(row.key);
    state.show(row.key);
    requestAnimationFrame(() => {
      const element = list.current?.querySelector<HTMLElement>(`[data-key="${CSS.escape(row.key)}"]`);
      element?.focus({ preventScroll: true });
      element?.scrollIntoView({ block: 'nearest' });
    });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const isRow = event.target instanceof HTMLElement && event.target.dataset.key !== undefined;
    if (!isRow) return;
    const at = state.positions.indexOf(active ?? '') ?? rows.length - 1;
    const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: rows.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    focusRow(to);
  };

  const drawn = indexesOf(first, last, state.positions.indexOf(active ?? ''));
  const activeKey = active !== undefined && state.positions.indexOf(active) !== undefined ? active : rows.at(-1)?.key;
  return (
    <div class="timeline-frame">
      <div class="timeline" ref={scroller} onScroll={onScroll}>
        <div class="timeline-top">{hasEarlier ? <p class="quiet">Loading …</p> : beginning}</div>
        <div
          class="timeline-rows"
          role="feed"
          aria-label={label}
          // A feed has articles, or is waiting for them.
          aria-busy={isLoading || rows.length === 0}
          ref={list}
          onKeyDown={onKeyDown}
          onFocusIn={({ target }) => {
            const key = target instanceof Element ? keyOf(target) : undefined;
            if (key !== undefined) setActive(key);
          }}
          onPointerOver={({ target, pointerType }) => {
            const key = target instanceof Element && pointerType === 'mouse' ? keyOf(target) : undefined;
            // What is open on one message stays open.
            if (key !== undefined && !list.current?.querySelector('.popup')) setActive(key);
          }}
        >
          {drawn.map((index) => {
            const row = rows[index];
            if (!row) return null;
            return (
              <article
                key={row.key}
                class="row"
                data-key={row.key}
                aria-posinset={index + 1}
                aria-setsize={hasEarlier ? -1 : rows.length}
                aria-labelledby={`by-${row.key} text-${row.key}`}
                tabIndex={row.key === activeKey ? 0 : -1}
              >
                {draw(row, row.key === active)}
              </article>
            );
          })}
        </div>
      </div>
      {!isAtEnd && (
        <button type="button" class="to-end" onClick={() => state.toEnd()}>
          <Icon name="down" />
          Newest
        </button>
      )}
    </div>
  );
}

function keyOf(target: Element): string | undefined {
  return target.closest<HTMLElement>('[data-key]')?.dataset.key;
}

/** The rows in view, and the one that has the focus. */
function indexesOf(first: number, last: number, focused: number | undefined): number[] {
  const indexes = Array.from({ length: Math.max(0, last - first + 1) }, (_, offset) => first + offset);
  if (focused === undefined || (focused >= first && focused <= last)) return indexes;
  return focused < first ? [focused, ...indexes] : [...indexes, focused];
}

/** A screen reader is told of new messages of others, and not of those that are scrolled to. */
function useAnnouncements(rows: readonly Row[]): void {
  const newest = useRef<number | undefined>(undefined);
  useEffect(() => {
    const stored = rows.flatMap(({ message }) => (message ? [message] : []));
    const before = newest.current;
    newest.current = stored.at(-1)?.seq ?? before;
    if (before === undefined) return;
    const news = stored.filter(({ seq, nonce }) => seq > before && nonce === null);
    if (news.length > 3) announce(`${news.length} new messages`);
    else if (news.length > 0) announce(news.map(({ sender, content }) => `${sender.username}: ${content}`).join('. '));
  }, [rows]);
}
