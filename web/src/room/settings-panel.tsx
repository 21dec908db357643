import { archiveChat, type ChatChanges, deleteChat, updateChat } from '@chat-api/client/chats';
import { chat as client } from '../session/session.js';
import { Confirmed } from '../ui/confirmed.js';
import { Form } from '../ui/form.js';
import { go } from '../ui/navigation.js';
import { attempt } from '../ui/problems.js';
import { Preference } from '../ui/setting.js';
import { useRoomTools } from './room-context.js';
import { SidePanel } from './side-panel.js';

const POSTING = [
  ['reader', 'everybody'],
  ['member', 'members'],
  ['moderator', 'moderators'],
  ['owner', 'owners'],
] as const;
const VISIBILITY = [
  ['private', 'who is invited'],
  ['public', 'everybody'],
] as const;
const INVITES = [
  ['moderators', 'moderators'],
  ['members', 'members'],
] as const;
const SLOW: readonly (readonly [seconds: string, meaning: string])[] = [
  ['0', 'as often as they like'],
  ['10', 'every 10 seconds'],
  ['60', 'every minute'],
  ['600', 'every 10 minutes'],
];

/** Another client may have set another time. */
function slowOptions(present: number): typeof SLOW {
  const isKnown = SLOW.some(([seconds]) => seconds === `${present}`);
  return isKnown ? SLOW : [[`${present}`, `every ${present} seconds`], ...SLOW];
}

/** The settings of a chat, those that its viewer may change; each change shows with everybody at once. */
export function SettingsPanel() {
  const { room, state } = useRoomTools();
  const { chat, viewerCan } = state;
  if (!chat) return null;
  const isArchived = chat.archivedAt !== null;
  const remove = async () => {
    await deleteChat(client, room.id);
    go({ view: 'home' });
  };
  const change = (changes: ChatChanges) => void attempt(() => updateChat(client, room.id, changes));
  return (
    <SidePanel title="Settings">
      <div class="panel-body">
        {viewerCan.includes('rename') && <NameAndTopic />}
        {viewerCan.includes('settings') && (
          <>
            <Preference
              label="Who may join"
              value={chat.visibility}
              options={VISIBILITY}
              change={(visibility) => change({ visibility })}
            />
            <Preference
              label="Who invites"
              value={chat.invites}
              options={INVITES}
              change={(invites) => change({ invites })}
            />
            <Preference
              label="Who writes here"
              value={chat.postingRole}
              options={POSTING}
              change={(postingRole) => change({ postingRole })}
            />
          </>
        )}
        {viewerCan.includes('slowMode') && (
          <Preference
            label="Members write"
            value={`${chat.slowSeconds}`}
            options={slowOptions(chat.slowSeconds)}
            change={(seconds) => change({ slowSeconds: Number(seconds) })}
          />
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
        {viewerCan.includes('deleteChat') && (
          <Confirmed label="Delete the chat …" action="Delete" act={remove}>
            Delete {chat.name} for everybody, with all that was written?
          </Confirmed>
        )}
      </div>
    </SidePanel>
  );
}

function NameAndTopic() {
  const { room, state } = useRoomTools();
  const save = (fields: FormData) =>
    updateChat(client, room.id, { name: String(fields.get('name')), topic: String(fields.get('topic')) });
  return (
    <Form action="Save" submit={save}>
      <label>
        Name
        <input name="name" required maxLength={100} autocomplete="off" defaultValue={state.chat?.name} />
      </label>
      <label>
        What it is about
        <input name="topic" maxLength={500} autocomplete="off" defaultValue={state.chat?.topic} />
      </label>
    </Form>
  );
}
