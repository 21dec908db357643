import type { UserProfile } from '../../domain/profile.js';
import type { Scope } from '../../domain/viewer.js';
import { html } from './html.js';
import type { Page } from './page.js';

/** What each scope lets an application do, in words for the user. */
const MEANING: Record<Scope, string> = {
  read: 'see your chats, their members and messages',
  write: 'send messages and make changes in your name',
  introspection: 'check whether access tokens are valid',
};

/** For an admin, `write` includes the administration of users. */
const ADMIN_WRITE =
  'send messages and make changes in your name, and, since you are an admin, make, change and deactivate users and other admins';

function meaningFor({ role }: UserProfile, scope: Scope): string {
  return scope === 'write' && role === 'admin' ? ADMIN_WRITE : MEANING[scope];
}

export interface ConsentPage {
  clientName: string;
  user: UserProfile;
  scopes: readonly Scope[];
  /** The client's host, or another name for where the browser goes next, for people to read. */
  destination: string;
  action: string;
  csrf: string;
  formTargets: readonly string[];
}

export function consentPage(page: ConsentPage): Page {
  const { clientName, user, scopes, destination, action, csrf, formTargets } = page;
  return {
    title: `Allow ${clientName}?`,
    formTargets,
    main: html`<h1>Allow ${clientName} to use your account?</h1>
<p>You are signed in as <strong>${user.username}</strong>. ${clientName} could then:</p>
<ul>
${scopes.map((scope) => html`<li>${meaningFor(user, scope)}</li>`)}
</ul>
<p class="quiet">Either way you go on to ${destination}.</p>
<form method="post" action="${action}">
<input type="hidden" name="csrf" value="${csrf}">
<button class="first" name="action" value="allow">Allow</button>
<button name="action" value="deny">Do not allow</button>
<button name="action" value="sign-out">Use another account</button>
</form>`,
  };
}
