import { createHash } from 'node:crypto';
import type { FastifyReply } from 'fastify';
import { type Html, html } from './html.js';
import { STYLE } from './style.js';

const STYLE_HASH = createHash('sha256').update(STYLE.text).digest('base64');

export interface Page {
  title: string;
  main: Html;
  /** CSP sources that its forms may lead to, including redirects; none by default. */
  formTargets?: readonly string[];
}

/** Sends a page that runs no script, loads no resource, cannot be framed and is not cached. */
export function sendPage(reply: FastifyReply, status: number, page: Page): FastifyReply {
  const policy = [
    `default-src 'none'`,
    `style-src 'sha256-${STYLE_HASH}'`,
    `form-action ${page.formTargets?.join(' ') || `'none'`}`,
    `frame-ancestors 'none'`,
    `base-uri 'none'`,
  ];
  return reply
    .code(status)
    .headers({
      'content-security-policy': policy.join('; '),
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      // Not `no-referrer`: browsers would send forms with the origin `null`.
      'referrer-policy': 'same-origin',
      'cache-control': 'no-store',
    })
    .type('text/html; charset=utf-8')
    .send(document(page).text);
}

function document({ title, main }: Page): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${main}
</main>
</body>
</html>
`;
}
