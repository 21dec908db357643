import type { RoomState } from '@chat-api/client';
import { useEffect, useState } from 'preact/hooks';
import { chat as client } from '../session/session.js';
import { useViewer } from '../session/viewer.js';
import { untilTime } from '../ui/times.js';
import { useRoomTools } from './room-context.js';

export interface Writing {
  /** Whether there is a field to write in. */
  may: boolean;
  /** Why one may not, and until when. */
  why?: string | undefined;
  /** In slow mode: when one may send again, by `Date.now()`; 0 for now. */
  waitUntil: number;
}

interface Refusal {
  rule: string | null;
  until: string | null;
}

/** The longest that a timer can wait. Milliseconds. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** The clocks may differ by so much. Milliseconds. */
const MARGIN_MS = 500;

/** Whether the viewer may write here now, and why not. */
export function useWriting(action: 'send' | 'reply'): Writing {
  const { state } = useRoomTools();
  const isOffered = state.viewerCan.includes(action);
  const refusal = useRefusal(action, state.status === 'ready' && !isOffered);
  const isSlowed = refusal?.rule === 'chat.slow_mode';
  const waitUntil = useSlowMode(isSlowed ? refusal.until : null);
  if (isOffered || isSlowed || (refusal && refusal.rule === null)) return { may: true, waitUntil };
  return { may: false, why: refusal && sentenceOf(refusal, state), waitUntil };
}

/** Asks the service why something is not offered; when the reason ends by itself, it is asked again. */
function useRefusal(action: 'send' | 'reply', isAsked: boolean): Refusal | undefined {
  const { room, state } = useRoomTools();
  const [refusal, setRefusal] = useState<Refusal | undefined>();
  const me = state.me?.id;
  useEffect(() => {
    setRefusal(undefined);
    if (!isAsked || !me) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isOver = false;
    const ask = async () => {
      const { explainAccess } = await import('@chat-api/client/moderation');
      const { rule, until } = await explainAccess(client, room.id, me, action);
      if (isOver) return;
      setRefusal({ rule, until });
      const ms = Date.parse(until ?? '') - Date.now() + MARGIN_MS;
      if (ms > 0) timer = setTimeout(start, Math.min(ms, MAX_TIMER_MS));
    };
    // Without an answer it is not offered, and that is so.
    const start = () => void ask().catch(() => !isOver && setRefusal({ rule: 'unknown', until: null }));
    start();
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [isAsked, room, me, action, state.viewerCan]);
  return refusal;
}

/** When one’s last message lets one send again, in a chat in slow mode. @param known what the service has said */
function useSlowMode(known: string | null): number {
  const { state } = useRoomTools();
  const isAdmin = useViewer()?.role === 'admin';
  const { chat, viewer, latest, me } = state;
  const [until, setUntil] = useState(0);
  const role = viewer?.role;
  const slowMs = isAdmin || role === 'moderator' || role === 'owner' ? 0 : (chat?.slowSeconds ?? 0) * 1000;
  const own = latest && latest.sender.id === me?.id && latest.nonce !== null ? latest.seq : undefined;
  useEffect(() => {
    // By this machine’s clock, from the moment at which it was stored on.
    if (own !== undefined && slowMs > 0)
      setUntil(Math.min(Date.now(), Date.parse(latest?.createdAt ?? '') + MARGIN_MS) + slowMs);
  }, [own]);
  useEffect(() => {
    if (known !== null) setUntil(Math.min(Date.parse(known), Date.now() + slowMs));
  }, [known]);
  return slowMs > 0 ? until : 0;
}

function sentenceOf({ rule, until }: Refusal, { chat, members, me }: RoomState): string {
  const peer = members.find(({ user }) => user.id !== me?.id)?.user.username ?? 'The other one';
  const time = untilTime(until);
  switch (rule) {
    case 'member.muted':
      return time === '' ? 'You are muted here: you can read, and not write.' : `You are muted here ${time}.`;
    case 'chat.archived':
      return 'This chat is archived: it can be read, and not written in.';
    case 'chat.posting_role':
      return `Only ${chat?.postingRole === 'owner' ? 'owners write' : 'moderators and owners write'} here. You can read.`;
    case 'direct.blocked':
      return `${peer} does not take messages from you.`;
    case 'user.inactive':
      return `${peer} has no active account any more.`;
    default:
      return 'You can read here, and not write.';
  }
}
