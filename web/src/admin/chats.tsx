import type { Schema } from '@chat-api/client';
import { useEffect, useState } from 'preact/hooks';
import { chat } from '../session/session.js';
import { useViewer } from '../session/viewer.js';
import { GroupAvatar } from '../ui/avatar.js';
import { Dialog } from '../ui/dialog.js';
import { Form } from '../ui/form.js';
import { Icon } from '../ui/icons.js';
import { go } from '../ui/navigation.js';
import { Page } from '../ui/page.js';
import { attempt } from '../ui/problems.js';
import { addressOf } from '../ui/routes.js';

type AnyChat = Pick<Schema.Chat, 'id' | 'name' | 'kind'> & { viewer: Pick<Schema.ChatState, 'role'> | null };

const PER_PAGE = 200;
const CHATS = 'query($first:Int!,$after:ID){chats(first:$first,after:$after){id name kind viewer{role}}}';
const CREATE = 'mutation($name:String!){createChat(name:$name){id name kind viewer{role}}}';
const ADD = 'mutation($chatId:ID!,$userId:ID!){assignUserToChat(chatId:$chatId,userId:$userId){role}}';

/** Every group chat there is. */
export function Chats() {
  const me = useViewer();
  const [chats, setChats] = useState<readonly AnyChat[]>([]);
  const [hasMore, setMore] = useState(false);
  const [isNew, setNew] = useState(false);
  const load = (before: readonly AnyChat[]) =>
    attempt(async () => {
      const page = await chat.request<{ chats: AnyChat[] }>(CHATS, { first: PER_PAGE, after: before.at(-1)?.id });
      setChats([...before, ...page.chats]);
      setMore(page.chats.length === PER_PAGE);
    });
  useEffect(() => void load([]), []);
  const join = (chatId: string) =>
    attempt(async () => {
      await chat.request(ADD, { chatId, userId: me?.id });
      go({ view: 'chat', chatId });
    });
  const create = async (name: string) => {
    const { createChat } = await chat.request<{ createChat: AnyChat }>(CREATE, { name });
    await chat.request(ADD, { chatId: createChat.id, userId: me?.id });
    go({ view: 'chat', chatId: createChat.id, panel: { name: 'members' } });
  };
  return (
    <Page
      title="All chats"
      action={
        <button type="button" class="primary" onClick={() => setNew(true)}>
          <Icon name="add" />
          New chat
        </button>
      }
    >
      {isNew && (
        <Dialog title="New chat" onClose={() => setNew(false)}>
          <NewChat create={create} />
        </Dialog>
      )}
      <ul class="people wide-list">
        {chats
          .filter(({ kind }) => kind === 'group')
          .map(({ id, name, viewer }) => (
            <li key={id} class="person">
              <GroupAvatar name={name} />
              <span class="person-text">
                <a class="name" href={addressOf({ view: 'chat', chatId: id })}>
                  {name}
                </a>
                <span class="quiet">{viewer ? `You are ${viewer.role}` : 'You are no member'}</span>
              </span>
              {!viewer && (
                <button type="button" class="secondary" aria-label={`Join ${name}`} onClick={() => void join(id)}>
                  Join
                </button>
              )}
            </li>
          ))}
      </ul>
      {hasMore && (
        <button type="button" class="link" onClick={() => void load(chats)}>
          More chats
        </button>
      )}
    </Page>
  );
}

function NewChat({ create }: { create: (name: string) => Promise<void> }) {
  return (
    <Form action="Make the chat" submit={(fields) => create(String(fields.get('name')))}>
      <label>
        Name
        <input name="name" required maxLength={100} autocomplete="off" />
      </label>
    </Form>
  );
}
