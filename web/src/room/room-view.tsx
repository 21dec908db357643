import type { Message, Room, RoomState } from '@chat-api/client';
import { openReceipts, readersOf } from '@chat-api/client/receipts';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { useWatchedPresence } from '../chats/presence.js';
import { chat } from '../session/session.js';
import { useViewer } from '../session/viewer.js';
import { Lazy } from '../ui/lazy.js';
import { go } from '../ui/navigation.js';
import { useObservable } from '../ui/observe.js';
import { attempt, textOf } from '../ui/problems.js';
import { addressOf, type Panel } from '../ui/routes.js';
import { untilTime } from '../ui/times.js';
import { Composer, type ComposerProps } from './composer.js';
import { MessageRow } from './message-row.js';
import { RoomContext, type RoomTools, useRoomTools } from './room-context.js';
import { RoomHeader } from './room-header.js';
import { keyOf, type Row, rowsOf } from './rows.js';
import { Timeline } from './timeline.js';
import { TypingLine } from './typing-line.js';
import { useReadMarker } from './use-read-marker.js';
import { useWriting } from './writing.js';

const loadMembers = async () => (await import('./members-panel.js')).MembersPanel;
const loadInvite = async () => (await import('../invitations/invite-panel.js')).InvitePanel;
const loadBans = async () => (await import('../moderation/bans-panel.js')).BansPanel;
const loadReports = async () => (await import('../reports/reports-panel.js')).ReportsPanel;
const loadReport = async () => (await import('../reports/report-dialog.js')).ReportDialog;
const loadPins = async () => (await import('./pins-panel.js')).PinsPanel;
const loadSettings = async () => (await import('./settings-panel.js')).SettingsPanel;
const loadThread = async () => (await import('./thread-panel.js')).ThreadPanel;

const PANELS = {
  members: loadMembers,
  pins: loadPins,
  settings: loadSettings,
  invite: loadInvite,
  bans: loadBans,
  reports: loadReports,
};

/** Of so many members it is shown whether they are there. */
const WATCHED = 60;

export function RoomView({ chatId, panel }: { chatId: string; panel: Panel | undefined }) {
  const room = useMemo(() => chat.room(chatId), [chatId]);
  const state = useObservable(room);
  const [about, setAbout] = useState<{ what: 'reply' | 'edit'; message: Message } | undefined>();
  const [shown, setShown] = useState<{ key: string } | undefined>();
  const [reported, setReported] = useState<Message | undefined>();
  const { messages, pending, members, me, status } = state;
  const { unreadAfter, onEnd } = useReadMarker(room, state);
  useWatchedPresence(useMemo(() => members.slice(0, WATCHED).map(({ user }) => user.id), [members]));

  const rows = useMemo(() => rowsOf(messages, pending, me, unreadAfter), [messages, pending, me, unreadAfter]);
  const byId = useRef(new Map<string, Message>());
  byId.current = useMemo(() => new Map(messages.map((message) => [message.id, message])), [messages]);
  const tools = useMemo(
    (): RoomTools => ({
      room,
      state,
      find: (id) => byId.current.get(id),
      jump: (seq) =>
        void attempt(async () => {
          await room.loadBackTo(seq);
          const message = room.messages.find((one) => one.seq === seq);
          if (message) setShown({ key: keyOf(message) });
        }),
      reply: (message) => setAbout({ what: 'reply', message }),
      edit: (message) => setAbout({ what: 'edit', message }),
      report: setReported,
      openThread: ({ id }) => go({ view: 'chat', chatId, panel: { name: 'thread', rootId: id } }),
    }),
    [room, state],
  );
  const seen = useReaders(room, state);
  const draw = (row: Row, isActive: boolean) => (
    <MessageRow row={row} isActive={isActive} readers={row.message?.id === seen?.id ? seen?.names : undefined} />
  );
  useEffect(() => setAbout(undefined), [chatId]);

  if (status === 'left') return <Closed {...endingOf(state)} />;
  if (status === 'failed')
    return <Closed title="This chat could not be opened" text={textOf(state.error)} again={() => chat.connect()} />;
  return (
    <RoomContext.Provider value={tools}>
      <div class={`room ${panel ? 'with-panel' : ''}`}>
        <main id="main" class="conversation" tabIndex={-1} aria-label={state.chat ? undefined : 'Conversation'}>
          <RoomHeader panel={panel} />
          <Timeline
            label="Messages"
            rows={rows}
            draw={draw}
            beginning={<Beginning state={state} />}
            hasEarlier={state.hasEarlier}
            loadEarlier={() => room.loadEarlier()}
            isLoading={status === 'loading'}
            shown={shown}
            onEnd={onEnd}
          />
          <TypingLine thread={null} />
          <Writing
            about={about}
            onDone={() => setAbout(undefined)}
            onEditLast={() => {
              const last = messages.findLast(({ sender, deletedAt }) => sender.id === me?.id && deletedAt === null);
              if (last) tools.edit(last);
            }}
          />
        </main>
        {panel && panel.name !== 'thread' && <Lazy key={panel.name} load={PANELS[panel.name]} props={{}} />}
        {panel?.name === 'thread' && <Lazy key={panel.rootId} load={loadThread} props={{ rootId: panel.rootId }} />}
      </div>
      {reported && (
        <Lazy
          load={loadReport}
          props={{
            chatId,
            message: reported,
            isDirect: state.chat?.kind === 'direct',
            onClose: () => setReported(undefined),
          }}
        />
      )}
    </RoomContext.Provider>
  );
}

type WritingProps = Pick<ComposerProps, 'about' | 'onDone' | 'onEditLast'>;

/** The field to write in, or why there is none. */
function Writing(props: WritingProps) {
  const { room, state } = useRoomTools();
  const { may, why, waitUntil } = useWriting('send');
  // Why it was not sent stands where it would be.
  const send: ComposerProps['send'] = (content, options) => void room.send(content, options).catch(() => {});
  if (may)
    return (
      <Composer
        {...props}
        label="Write a message"
        send={send}
        typing={() => room.setTyping()}
        waitUntil={waitUntil}
        draftKey={state.chatId}
      />
    );
  return why === undefined ? null : <p class="reader-note quiet">{why}</p>;
}

/** Why one is not in the chat any more, as far as one has seen it. */
function endingOf({ ended, cursor, chat }: RoomState): { title: string; text: string } {
  const name = chat?.kind === 'group' ? chat.name : 'this chat';
  const gone = { title: 'You are not in this chat', text: 'Somebody has removed you, or it does not exist.' };
  // What has ended it since nobody has said.
  if (!ended || ended.cursor !== cursor) return gone;
  if (ended.type === 'chat.deleted') return { title: 'This chat is no more', text: `${name} was deleted.` };
  if (ended.type !== 'member.removed') return gone;
  if (ended.cause === 'left') return { title: `You have left ${name}`, text: 'What you wrote there stays.' };
  if (ended.cause !== 'banned') return { title: 'You are not in this chat', text: `You were removed from ${name}.` };
  const until = untilTime(ended.until ?? null);
  return { title: 'You are not in this chat', text: `You are banned from ${name}${until && ` ${until}`}.` };
}

/** Who has read the newest message of one's own, as long as the service says so. */
function useReaders(room: Room, { messages, members, me }: RoomState): { id: string; names: string[] } | undefined {
  const { reads } = useObservable(useMemo(() => openReceipts(room), [room]));
  return useMemo(() => {
    const own = messages.findLast(({ sender, deletedAt }) => sender.id === me?.id && deletedAt === null);
    if (!own || !reads) return undefined;
    const readers = new Set(readersOf(reads, own));
    return { id: own.id, names: members.filter(({ user }) => readers.has(user.id)).map(({ user }) => user.username) };
  }, [messages, members, me, reads]);
}

function Beginning({ state }: { state: RoomState }) {
  const isAdmin = useViewer()?.role === 'admin';
  const { status, members, chat, chatId } = state;
  if (status !== 'ready') return <p class="quiet">Loading …</p>;
  if (!isAdmin || members.length > 1 || chat?.kind !== 'group') return <p class="quiet">This is where it begins.</p>;
  return (
    <div class="alone">
      <p class="quiet">Nobody else is here yet.</p>
      <a class="primary" href={addressOf({ view: 'chat', chatId, panel: { name: 'members' } })}>
        Add somebody
      </a>
    </div>
  );
}

function Closed({ title, text, again }: { title: string; text: string; again?: () => void }) {
  return (
    <main id="main" class="nothing" tabIndex={-1}>
      <h1>{title}</h1>
      <p class="quiet">{text}</p>
      {again && (
        <button type="button" class="primary" onClick={again}>
          Try again
        </button>
      )}
      <button type="button" class="link" onClick={() => go({ view: 'home' })}>
        To your chats
      </button>
    </main>
  );
}
