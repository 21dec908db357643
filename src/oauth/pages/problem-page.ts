import { html } from './html.js';
import type { Page } from './page.js';

/** Tells what went wrong and what the user can do. `again` is a link to continue with. */
export function problemPage(title: string, text: string, again?: { label: string; href: string }): Page {
  const link = again && html`<p><a class="button" href="${again.href}">${again.label}</a></p>`;
  return { title, main: html`<h1>${title}</h1>\n<p role="alert">${text}</p>\n${link}` };
}
