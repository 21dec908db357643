import { archiveChat, type ChatChanges, deleteChat, updateChat } from '@chat-api/client/chats';
import type { TargetedSubmitEvent } from 'preact';
import { useState } from 'preact/hooks';
import { chat as client } from '../session/session.js';
import { attempt, textOf } from '../ui/problems.js';
import { go } from '../ui/routes.js';
import { useRoomTools } from './room-context.js';
import { SidePanel } from './side-panel.js';

const POSTING = [
  ['reader', 'everybody'],
  ['member', 'members'],
  ['moderator', 'moderators'],
  ['owner', 'owners'],
] as const;
const SLOW = [
  [0, 'as often as they like'],
  [10, 'every 10 seconds'],
  [60, 'every minute'],
  [600, 'every 10 minutes'],
] as const;

/** The settings of a chat, those that its viewer may change; each change shows with everybody at once. */
export function SettingsPanel() {
  const { room, state } = useRoomTools();
  const { chat, viewerCan } = state;
  if (!chat) return null;
  const isArchived = chat.archivedAt !== null;
  const change = (changes: ChatChanges) => void attempt(() => updateChat(client, room.id, changes));
  return (
    <SidePanel title="Settings">
      <div class="panel-body">
        {viewerCan.includes('rename') && <NameAndTopic />}
        {viewerCan.includes('settings') && (
          <label class="preference">
            Who writes here
            <select
              value={chat.postingRole}
              onChange={({ currentTarget }) => {
                const chosen = POSTING.find(([role]) => role === currentTarget.value)?.[0];
                currentTarget.value = chat.postingRole;
                if (chosen) change({ postingRole: chosen });
              }}
            >
              {POSTING.map(([role, name]) => (
                <option key={role} value={role}>
                  {name}
                </option>
              ))}
            </select>
          </label>
        )}
        {viewerCan.includes('slowMode') && (
          <label class="preference">
            Members write
            <select
              value={chat.slowSeconds}
              onChange={({ currentTarget }) => {
                const chosen = Number(currentTarget.value);
                currentTarget.value = `${chat.slowSeconds}`;
                change({ slowSeconds: chosen });
              }}
            >
              {!SLOW.some(([seconds]) => seconds === chat.slowSeconds) && (
                <option value={chat.slowSeconds}>every {chat.slowSeconds} seconds</option>
              )}
              {SLOW.map(([seconds, name]) => (
                <option key={seconds} value={seconds}>
                  {name}
                </option>
              ))}
            </select>
          </label>
        )}
        {viewerCan.includes('archive') && (
          <button
            type="button"
            class="secondary wide"
            onClick={() => void attempt(() => archiveChat(client, room.id, !isArchived))}
          >
            {isArchived ? 'Take it out of the archive' : 'Archive the chat'}
          </button>
        )}
        {viewerCan.includes('deleteChat') && <DeleteChat name={chat.name} />}
      </div>
    </SidePanel>
  );
}

function NameAndTopic() {
  const { room, state } = useRoomTools();
  const [problem, setProblem] = useState<string | undefined>();
  const onSubmit = (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    setProblem(undefined);
    const changes = { name: String(fields.get('name')), topic: String(fields.get('topic')) };
    updateChat(client, room.id, changes).catch((error) => setProblem(textOf(error)));
  };
  return (
    <form class="form" onSubmit={onSubmit}>
      <label>
        Name
        <input name="name" required maxLength={100} autocomplete="off" defaultValue={state.chat?.name} />
      </label>
      <label>
        What it is about
        <input name="topic" maxLength={500} autocomplete="off" defaultValue={state.chat?.topic} />
      </label>
      {problem !== undefined && (
        <p class="alarm" role="alert">
          {problem}
        </p>
      )}
      <button type="submit" class="primary wide">
        Save
      </button>
    </form>
  );
}

/** Asks before what nobody can undo. */
function DeleteChat({ name }: { name: string }) {
  const { room } = useRoomTools();
  const [isAsked, setAsked] = useState(false);
  if (!isAsked)
    return (
      <button type="button" class="link danger" onClick={() => setAsked(true)}>
        Delete the chat …
      </button>
    );
  const remove = async () => {
    if (await attempt(() => deleteChat(client, room.id))) go({ view: 'home' });
  };
  return (
    <div class="alarm" role="alert">
      <p>Delete {name} for everybody, with all that was written?</p>
      <button type="button" class="link danger" onClick={() => void remove()}>
        Delete
      </button>
      <button type="button" class="link" onClick={() => setAsked(false)}>
        Keep it
      </button>
    </div>
  );
}
