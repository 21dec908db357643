import type { Schema } from '@chat-api/client';
import { type Report, resolveReport } from '@chat-api/client/reports';
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { BanDialog } from '../moderation/ban-dialog.js';
import { MuteDialog } from '../moderation/mute-dialog.js';
import { chat as client } from '../session/session.js';
import { announce } from '../ui/announcer.js';
import { attempt } from '../ui/problems.js';
import { shortTime, wholeTimeOf } from '../ui/times.js';

const REASONS: Record<Schema.ReportReason, string> = {
  spam: 'Spam',
  abuse: 'Abusive',
  illegal: 'Against the law',
  other: 'Something else',
};
const RESOLUTIONS: Record<Schema.Resolution, string> = {
  dismissed: 'Dismissed',
  removed: 'Message deleted',
  muted: 'Sender muted',
  banned: 'Sender banned',
};

interface ReportItemProps {
  report: Report;
  /** Whether it stands among those of its chat alone. */
  isOfChat: boolean;
  mayDo: (action: Schema.ChatAction) => boolean;
  link: ComponentChildren;
  onResolved: () => void;
}

export function ReportItem({ report, isOfChat, mayDo, link, onResolved }: ReportItemProps) {
  const { id, chat, sender, reporter, reason, note, createdAt, content, revision, resolution } = report;
  return (
    <li class="report" aria-labelledby={`report-${id}`}>
      <p class="report-head" id={`report-${id}`}>
        <span class="tag">{REASONS[reason]}</span>
        <span class="name">{sender.username}</span>
        {!isOfChat && <span class="quiet">in {placeOf(chat)}</span>}
      </p>
      <blockquote class="evidence">{content}</blockquote>
      <p class="quiet small">
        What it said{revision > 0 && ', edited before,'} when {reporter?.username ?? 'somebody'} reported it,{' '}
        <time dateTime={createdAt} title={wholeTimeOf(createdAt)}>
          {shortTime(createdAt)}
        </time>
        . {link}
      </p>
      {note !== null && (
        <p>
          <span class="quiet">{reporter?.username ?? 'They'} added:</span> {note}
        </p>
      )}
      {resolution === null ? (
        <Acts report={report} mayDo={mayDo} onResolved={onResolved} />
      ) : (
        <p>
          {RESOLUTIONS[resolution]}
          {report.resolvedBy && ` by ${report.resolvedBy.username}`}
          {report.resolvedAt !== null && `, ${shortTime(report.resolvedAt)}`}
        </p>
      )}
    </li>
  );
}

/** Of a chat that its reader cannot read there is the copy alone. */
function placeOf(chat: Report['chat']): string {
  if (chat === null) return 'a direct or deleted chat';
  return chat.kind === 'direct' ? 'a direct chat' : chat.name;
}

type ActsProps = Pick<ReportItemProps, 'report' | 'mayDo' | 'onResolved'>;

/** What may be done about it. What is done resolves the report. */
function Acts({ report, mayDo, onResolved }: ActsProps) {
  const { id, chat, chatId, sender, messageId } = report;
  const [dialog, setDialog] = useState<'mute' | 'ban' | undefined>();
  const resolve = async (resolution: Schema.Resolution) => {
    await resolveReport(client, id, resolution);
    announce(RESOLUTIONS[resolution]);
    onResolved();
  };
  const remove = async () => {
    await client.room(chatId).delete(messageId);
    await resolve('removed');
  };
  const isGroup = chat?.kind === 'group';
  const act = { chatId, user: sender, onClose: () => setDialog(undefined) };
  return (
    <>
      <div class="buttons">
        {isGroup && mayDo('delete') && (
          <button type="button" class="secondary danger" onClick={() => void attempt(remove)}>
            Delete it
          </button>
        )}
        {isGroup && mayDo('mute') && (
          <button type="button" class="secondary" onClick={() => setDialog('mute')}>
            Mute …
          </button>
        )}
        {isGroup && mayDo('ban') && (
          <button type="button" class="secondary" onClick={() => setDialog('ban')}>
            Ban …
          </button>
        )}
        <button type="button" class="secondary" onClick={() => void attempt(() => resolve('dismissed'))}>
          Dismiss
        </button>
      </div>
      {dialog === 'mute' && <MuteDialog {...act} onDone={() => resolve('muted')} />}
      {dialog === 'ban' && <BanDialog {...act} onDone={() => resolve('banned')} />}
    </>
  );
}
