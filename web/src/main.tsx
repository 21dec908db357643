import { render } from 'preact';
import { App } from './app.js';
import { beginSession } from './session/session.js';
import { SignInView } from './session/sign-in-view.js';
import { applyTheme } from './ui/theme.js';

applyTheme();
const root = document.getElementById('app');
if (!root) throw new Error('The page has no place for the application.');

const session = await beginSession();
if (session.state === 'signedIn') render(<App />, root);
else if (session.state === 'signedOut') render(<SignInView problem={session.problem} />, root);
