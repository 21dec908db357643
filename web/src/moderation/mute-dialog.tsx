import type { UserRef } from '@chat-api/client';
import { mute } from '@chat-api/client/moderation';
import { chat as client } from '../session/session.js';
import { announce } from '../ui/announcer.js';
import { Dialog } from '../ui/dialog.js';
import { Form, given } from '../ui/form.js';
import { SpanFields, untilIn } from '../ui/spans.js';
import { Reason } from './reason.js';

export interface ActDialogProps {
  chatId: string;
  user: UserRef;
  onClose: () => void;
  /** When it is done, before the dialog closes. */
  onDone?: () => Promise<unknown>;
}

export function MuteDialog({ chatId, user, onClose, onDone }: ActDialogProps) {
  const submit = async (fields: FormData) => {
    const [until, reason] = [untilIn(fields), given(fields, 'reason')];
    await mute(client, chatId, user.id, { ...(until && { until }), ...(reason && { reason }) });
    await onDone?.();
    announce(`${user.username} is muted`);
    onClose();
  };
  return (
    <Dialog title={`Mute ${user.username}`} onClose={onClose}>
      <Form action="Mute" submit={submit}>
        <p class="quiet">Who is muted reads, and writes nothing that others see.</p>
        <SpanFields />
        <Reason />
      </Form>
    </Dialog>
  );
}
