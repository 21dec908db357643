import { html } from './html.js';
import type { Page } from './page.js';

export interface SignInPage {
  clientName: string;
  /** The path that the forms are sent to, with the query of the authorization request. */
  action: string;
  csrf: string;
  formTargets: readonly string[];
  /** Links to external providers. */
  providers: readonly { label: string; href: string }[];
  /** Why the previous attempt failed. */
  problem?: string | undefined;
  username?: string | undefined;
}

export function signInPage({
  clientName,
  action,
  csrf,
  formTargets,
  providers,
  problem,
  username = '',
}: SignInPage): Page {
  const alarm = problem === undefined ? undefined : html`<p class="alarm" role="alert" id="problem">${problem}</p>`;
  const described = problem === undefined ? undefined : html` aria-describedby="problem"`;
  return {
    title: problem === undefined ? 'Sign in' : 'Error: Sign in',
    formTargets,
    main: html`<h1>Sign in</h1>
<p>${clientName} asks you to sign in with your chat account.</p>
${alarm}
<form method="post" action="${action}">
<input type="hidden" name="csrf" value="${csrf}">
<label for="username">Username</label>
<input id="username" name="username" value="${username}" autocomplete="username" autocapitalize="none" spellcheck="false" required maxlength="150"${described}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required maxlength="256">
<button class="first" name="action" value="sign-in">Sign in</button>
</form>
${providers.map(({ label, href }) => html`<p><a class="button" href="${href}">Sign in with ${label}</a></p>`)}
<form method="post" action="${action}">
<input type="hidden" name="csrf" value="${csrf}">
<button name="action" value="deny">Cancel</button>
</form>`,
  };
}
