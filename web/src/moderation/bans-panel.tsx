import { type Ban, listBans, unban } from '@chat-api/client/moderation';
import { useEffect, useRef, useState } from 'preact/hooks';
import { useRoomTools } from '../room/room-context.js';
import { SidePanel } from '../room/side-panel.js';
import { chat as client } from '../session/session.js';
import { announce } from '../ui/announcer.js';
import { Avatar } from '../ui/avatar.js';
import { useKeptFocus } from '../ui/kept-focus.js';
import { attempt, textOf } from '../ui/problems.js';
import { shortTime, untilTime } from '../ui/times.js';

const PER_PAGE = 100;

/** Who is banned from the chat. */
export function BansPanel() {
  const { room } = useRoomTools();
  const [bans, setBans] = useState<readonly Ban[] | undefined>();
  const [hasMore, setMore] = useState(false);
  const [problem, setProblem] = useState<string | undefined>();
  const list = useRef<HTMLUListElement>(null);
  useKeptFocus(list, bans);
  const load = async (before: readonly Ban[]) => {
    try {
      const after = before.at(-1)?.user.id;
      const page = await listBans(client, room.id, { first: PER_PAGE, ...(after !== undefined && { after }) });
      setBans([...before, ...page]);
      setMore(page.length === PER_PAGE);
    } catch (error) {
      setProblem(textOf(error));
    }
  };
  useEffect(() => void load([]), [room]);
  const end = ({ user }: Ban) =>
    attempt(async () => {
      await unban(client, room.id, user.id);
      setBans((before) => before?.filter((one) => one.user.id !== user.id));
      announce(`${user.username} is not banned any more`);
    });
  return (
    <SidePanel title="Banned" back="members">
      <div class="panel-body">
        {problem !== undefined && <p class="alarm">{problem}</p>}
        <ul class="people" aria-label="Banned" aria-busy={bans === undefined} ref={list} tabIndex={-1}>
          {bans?.map((one) => (
            <li key={one.user.id} class="person">
              <Avatar user={one.user} />
              <span class="person-text">
                <span class="name">{one.user.username}</span>
                <span class="quiet">
                  {untilTime(one.until) || 'for ever'}
                  {one.by && `, by ${one.by.username}`}, {shortTime(one.at)}
                </span>
                {one.reason !== null && <span class="quiet">“{one.reason}”</span>}
              </span>
              <button
                type="button"
                class="secondary"
                aria-label={`End the ban of ${one.user.username}`}
                onClick={() => void end(one)}
              >
                Unban
              </button>
            </li>
          ))}
        </ul>
        {bans?.length === 0 && <p class="quiet">Nobody is banned from this chat.</p>}
        {hasMore && (
          <button type="button" class="link" onClick={() => void load(bans ?? [])}>
            More
          </button>
        )}
      </div>
    </SidePanel>
  );
}
