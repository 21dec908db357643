import type { Message, Schema } from '@chat-api/client';
import { reportMessage } from '@chat-api/client/reports';
import { useState } from 'preact/hooks';
import { chat as client } from '../session/session.js';
import { Dialog } from '../ui/dialog.js';
import { Form, given } from '../ui/form.js';

export const REASONS: readonly (readonly [reason: Schema.ReportReason, meaning: string])[] = [
  ['spam', 'It is spam'],
  ['abuse', 'It is abusive'],
  ['illegal', 'It is against the law'],
  ['other', 'Something else'],
];

interface ReportDialogProps {
  chatId: string;
  message: Message;
  /** Of a direct chat, which has no moderators. */
  isDirect: boolean;
  onClose: () => void;
}

/** Reports a message to those who look after the chat. */
export function ReportDialog({ chatId, message, isDirect, onClose }: ReportDialogProps) {
  const [isDone, setDone] = useState(false);
  const readers = isDirect ? 'The admins' : 'The moderators of this chat';
  const submit = async (fields: FormData) => {
    const reason = REASONS.find(([known]) => known === fields.get('reason'))?.[0] ?? 'other';
    await reportMessage(client, chatId, message.id, reason, given(fields, 'note'));
    setDone(true);
  };
  return (
    <Dialog title={`Report a message of ${message.sender.username}`} onClose={onClose}>
      {isDone ? (
        <div class="form">
          <p role="status">Thank you. {readers} will look at it.</p>
          <button type="button" class="primary wide" ref={(button) => button?.focus()} onClick={onClose}>
            Done
          </button>
        </div>
      ) : (
        <Form action="Report" submit={submit}>
          <blockquote class="evidence">{message.content}</blockquote>
          <fieldset>
            <legend>What is wrong with it?</legend>
            {REASONS.map(([reason, meaning], index) => (
              <label key={reason} class="check">
                <input type="radio" name="reason" value={reason} defaultChecked={index === 0} />
                {meaning}
              </label>
            ))}
          </fieldset>
          <label>
            <span>
              What should they know? <span class="quiet">(optional)</span>
            </span>
            <textarea name="note" rows={3} maxLength={500} />
          </label>
          <p class="quiet small">
            {readers} see who reports it; {message.sender.username} does not.
          </p>
        </Form>
      )}
    </Dialog>
  );
}
