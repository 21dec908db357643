import { ChatError } from '@chat-api/client';
import { acceptInvitation } from '@chat-api/client/invitations';
import { useState } from 'preact/hooks';
import { chat } from '../session/session.js';
import { Page } from '../ui/page.js';
import { textOf } from '../ui/problems.js';
import { addressOf } from '../ui/routes.js';

/**
 * Where a link of invitation leads. It takes a word of its user: another page could send them here, and who joins is seen by all who are
 * there already.
 */
export function Join({ code }: { code: string }) {
  const [problem, setProblem] = useState<string | undefined>();
  const [isBusy, setBusy] = useState(false);
  const join = async () => {
    if (isBusy) return;
    setBusy(true);
    setProblem(undefined);
    try {
      const chatId = await acceptInvitation(chat, { code });
      // Back from there leads to what was before: the code is of no more use.
      location.replace(addressOf({ view: 'chat', chatId }));
    } catch (error) {
      const isOver = error instanceof ChatError && error.code === 'NOT_FOUND';
      setProblem(isOver ? 'This invitation has ended, or is used up. Ask for another one.' : textOf(error));
      setBusy(false);
    }
  };
  return (
    <Page title="Invitation">
      <div class="centred">
        <h2>You are invited to a chat</h2>
        <p class="quiet">Who is there sees that you join, and what you write.</p>
        {problem !== undefined && (
          <p class="alarm" role="alert">
            {problem}
          </p>
        )}
        <button type="button" class="primary" onClick={() => void join()}>
          Join the chat
        </button>
        <a class="quiet" href={addressOf({ view: 'home' })}>
          Not now
        </a>
      </div>
    </Page>
  );
}
