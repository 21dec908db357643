import { Html } from './html.js';

/** The style sheet of all pages; the CSP allows it by its hash. Colours have a contrast of at least 4.5 to 1. */
const SHEET = `
:root { color-scheme: light dark; --text: #1b1b1f; --quiet: #5a5a66; --back: #f4f4f6; --card: #fff; --line: #8a8a96;
  --accent: #1f4fd1; --on-accent: #fff; --alarm: #a3121f; }
@media (prefers-color-scheme: dark) { :root { --text: #f1f1f4; --quiet: #b4b4c0; --back: #17171a; --card: #232328;
  --line: #85858f; --accent: #9db8ff; --on-accent: #10193a; --alarm: #ffb3b3; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
main { max-width: 26rem; margin: 0 auto; padding: 2rem 1.25rem; }
@media (min-width: 30rem) { main { margin-top: 8vh; padding: 2rem; background: var(--card); border-radius: .75rem; } }
h1 { margin: 0 0 1rem; font-size: 1.5rem; line-height: 1.25; }
p, ul, form { margin: 0 0 1rem; }
ul { padding-left: 1.25rem; }
.quiet { color: var(--quiet); }
.alarm { padding: .75rem; border: 2px solid var(--alarm); border-radius: .5rem; color: var(--alarm); }
label { display: block; margin-bottom: .25rem; font-weight: 600; }
input { width: 100%; margin-bottom: 1rem; padding: .65rem .75rem; border: 1px solid var(--line); border-radius: .5rem;
  background: var(--card); color: inherit; font: inherit; }
button, .button { display: block; width: 100%; min-height: 2.75rem; margin-bottom: .75rem; padding: .6rem 1rem;
  border: 1px solid var(--accent); border-radius: .5rem; background: transparent; color: var(--accent); font: inherit;
  font-weight: 600; text-align: center; text-decoration: none; cursor: pointer; }
.first { background: var(--accent); color: var(--on-accent); }
a { color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
`;

/** `Html`, so that it is not escaped: escaping would change its hash. */
export const STYLE = new Html(SHEET);
