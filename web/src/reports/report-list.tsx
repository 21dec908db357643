import type { Schema } from '@chat-api/client';
import { listReports, type Report } from '@chat-api/client/reports';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { chat as client } from '../session/session.js';
import { useKeptFocus } from '../ui/kept-focus.js';
import { textOf } from '../ui/problems.js';
import { Preference } from '../ui/setting.js';
import { ReportItem } from './report-item.js';

const PER_PAGE = 50;
const STATES: readonly (readonly [state: Schema.ReportState, meaning: string])[] = [
  ['open', 'open'],
  ['resolved', 'resolved'],
];

interface ReportListProps {
  /** Without it, those of all chats. */
  chatId?: string;
  mayDo: (action: Schema.ChatAction) => boolean;
  /** Leads to what was reported. */
  linkTo: (report: Report) => ComponentChildren;
}

/** Reports of messages, to be looked at, the oldest first. */
export function ReportList({ chatId, mayDo, linkTo }: ReportListProps) {
  const [state, setState] = useState<Schema.ReportState>('open');
  const { reports, hasMore, status, problem, loadMore, drop } = useReports(chatId, state);
  const list = useRef<HTMLUListElement>(null);
  useKeptFocus(list, reports);
  return (
    <>
      <Preference label="Which reports" value={state} options={STATES} change={setState} />
      <ul class="reports" aria-label="Reports" aria-busy={status === 'loading'} ref={list} tabIndex={-1}>
        {reports.map((report) => (
          <ReportItem
            key={report.id}
            report={report}
            isOfChat={chatId !== undefined}
            mayDo={mayDo}
            link={linkTo(report)}
            onResolved={() => drop(report.id)}
          />
        ))}
      </ul>
      {status === 'failed' && (
        <p class="alarm" role="alert">
          {problem}
        </p>
      )}
      {status === 'ready' && reports.length === 0 && (
        <p class="quiet" role="status">
          {state === 'open' ? 'Nothing is reported. All is well.' : 'No report was resolved in the last 90 days.'}
        </p>
      )}
      {hasMore && (
        <button type="button" class="link" onClick={loadMore}>
          More reports
        </button>
      )}
    </>
  );
}

function useReports(chatId: string | undefined, state: Schema.ReportState) {
  const [reports, setReports] = useState<readonly Report[]>([]);
  const [hasMore, setMore] = useState(false);
  const [status, setStatus] = useState<'loading' | 'ready' | 'failed'>('loading');
  const [problem, setProblem] = useState('');
  /** An answer that comes behind that to a later question is not shown. */
  const asked = useRef(0);
  const load = async (before: readonly Report[]) => {
    asked.current += 1;
    const own = asked.current;
    setStatus('loading');
    try {
      const after = before.at(-1)?.id;
      const options = { state, first: PER_PAGE, ...(chatId && { chatId }), ...(after !== undefined && { after }) };
      const page = await listReports(client, options);
      if (own !== asked.current) return;
      setReports([...before, ...page]);
      setMore(page.length === PER_PAGE);
      setStatus('ready');
    } catch (error) {
      if (own !== asked.current) return;
      setProblem(textOf(error));
      setStatus('failed');
    }
  };
  useEffect(() => {
    setReports([]);
    void load([]);
  }, [chatId, state]);
  const drop = (id: string) => setReports((before) => before.filter((report) => report.id !== id));
  return { reports, hasMore, status, problem, loadMore: () => void load(reports), drop };
}
