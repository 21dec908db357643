import type { Schema } from '@chat-api/client';
import { ban } from '@chat-api/client/moderation';
import { chat as client } from '../session/session.js';
import { announce } from '../ui/announcer.js';
import { Dialog } from '../ui/dialog.js';
import { Choice, Form, given } from '../ui/form.js';
import { SpanFields, untilIn } from '../ui/spans.js';
import type { ActDialogProps } from './mute-dialog.js';
import { Reason } from './reason.js';

const DELETED: readonly (readonly [span: Schema.DeleteSpan, meaning: string])[] = [
  ['none', 'nothing'],
  ['hour', 'what they wrote in the last hour'],
  ['day', 'what they wrote in the last day'],
  ['week', 'what they wrote in the last week'],
  ['all', 'all that they wrote here'],
];

export function BanDialog({ chatId, user, onClose, onDone }: ActDialogProps) {
  const submit = async (fields: FormData) => {
    const [until, reason] = [untilIn(fields), given(fields, 'reason')];
    const deleteMessages = DELETED.find(([span]) => span === fields.get('deleted'))?.[0] ?? 'none';
    await ban(client, chatId, user.id, { deleteMessages, ...(until && { until }), ...(reason && { reason }) });
    await onDone?.();
    announce(`${user.username} is banned`);
    onClose();
  };
  return (
    <Dialog title={`Ban ${user.username}`} onClose={onClose}>
      <Form action="Ban" isDangerous submit={submit}>
        <p class="quiet">Who is banned is removed, and cannot come back before that ends.</p>
        <SpanFields />
        <Choice label="Delete" name="deleted" options={DELETED} />
        <Reason />
      </Form>
    </Dialog>
  );
}
