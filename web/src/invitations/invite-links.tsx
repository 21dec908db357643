import type { Schema } from '@chat-api/client';
import { createInviteLink, listInviteLinks, revokeInvitation } from '@chat-api/client/invitations';
import { useEffect, useRef, useState } from 'preact/hooks';
import { useRoomTools } from '../room/room-context.js';
import { chat } from '../session/session.js';
import { useViewer } from '../session/viewer.js';
import { Choice, Form, given } from '../ui/form.js';
import { useKeptFocus } from '../ui/kept-focus.js';
import { attempt } from '../ui/problems.js';
import { addressOf } from '../ui/routes.js';
import { Secret } from '../ui/secret.js';
import { untilTime } from '../ui/times.js';

const HOUR = 3_600_000;
/** A little less than the service takes: the clocks may differ. */
const LONGEST = 30 * 24 * HOUR - 10 * 60_000;
const EXPIRIES = [
  [`${HOUR}`, '1 hour'],
  [`${24 * HOUR}`, '1 day'],
  [`${7 * 24 * HOUR}`, '7 days'],
  [`${LONGEST}`, '30 days'],
] as const;
const USES = [
  ['', 'as many as come'],
  ['1', '1 person'],
  ['5', '5 people'],
  ['25', '25 people'],
  ['100', '100 people'],
] as const;
const ROLES = [
  ['member', 'members'],
  ['reader', 'readers'],
] as const;
const ALL_ROLES = [...ROLES, ['moderator', 'moderators'], ['owner', 'owners']] as const;

/** Links by which whoever has one joins: makes one, which is shown once, and ends those that are open. */
export function InviteLinks() {
  const { room, state } = useRoomTools();
  const isAdmin = useViewer()?.role === 'admin';
  const [links, setLinks] = useState<readonly Schema.InviteLink[] | undefined>();
  const [made, setMade] = useState<string | undefined>();
  const list = useRef<HTMLUListElement>(null);
  useKeptFocus(list, links);
  const load = async () => {
    const all = await listInviteLinks(chat, room.id);
    setLinks(all.filter(({ uses, maxUses }) => maxUses === null || uses < maxUses));
  };
  useEffect(() => void attempt(load), [room]);
  const make = async (fields: FormData) => {
    const roles = ALL_ROLES.map(([role]) => role);
    const role = roles.find((known) => known === fields.get('role')) ?? 'member';
    const uses = given(fields, 'uses');
    const expiresAt = new Date(Date.now() + Number(fields.get('expiry'))).toISOString();
    const options = { role, expiresAt, ...(uses !== undefined && { maxUses: Number(uses) }) };
    const { code } = await createInviteLink(chat, room.id, options);
    setMade(`${location.origin}/${addressOf({ view: 'join', code: code ?? '' })}`);
    await load();
  };
  const revoke = (id: string) =>
    attempt(async () => {
      await revokeInvitation(chat, id);
      await load();
    });
  return (
    <section class="section" aria-label="A link">
      <h3>A link for whoever has it</h3>
      {made !== undefined && (
        <>
          <p class="quiet" role="status">
            This is the link. It is shown this once.
          </p>
          <Secret text={made} label="the link" />
        </>
      )}
      <Form action={made === undefined ? 'Make a link' : 'Make another link'} submit={make}>
        <Choice
          label="It makes them"
          name="role"
          options={isAdmin || state.viewer?.role === 'owner' ? ALL_ROLES : ROLES}
        />
        <Choice label="It is good for" name="expiry" options={EXPIRIES} value={EXPIRIES[2][0]} />
        <Choice label="It is for" name="uses" options={USES} />
      </Form>
      {links !== undefined && links.length > 0 && (
        <>
          <h3>Open links</h3>
          <ul class="people" aria-label="Open links" ref={list} tabIndex={-1}>
            {links.map((link) => (
              <li key={link.id} class="person">
                <span class="person-text">
                  <span class="name">{ALL_ROLES.find(([role]) => role === link.role)?.[1]}</span>
                  <span class="quiet">
                    {usesOf(link)}, {untilTime(link.expiresAt)}
                  </span>
                </span>
                <button
                  type="button"
                  class="link danger"
                  aria-label={`End the link for ${link.role}s, ${usesOf(link)}`}
                  onClick={() => void revoke(link.id)}
                >
                  End
                </button>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

function usesOf({ uses, maxUses }: Schema.InviteLink): string {
  if (maxUses !== null) return `${uses} of ${maxUses} used`;
  return uses === 1 ? 'used once' : `used ${uses} times`;
}
