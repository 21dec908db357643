import { Logo } from '../ui/icons.js';
import { parseRoute } from '../ui/routes.js';
import { signIn } from './session.js';

export function SignInView({ problem }: { problem?: string | undefined }) {
  return (
    <main class="welcome">
      <div class="welcome-card">
        <Logo />
        <h1>Chat</h1>
        {problem !== undefined && (
          <p class="alarm" role="alert">
            {problem}
          </p>
        )}
        <p class="quiet">
          {parseRoute(location.hash).view === 'join'
            ? 'You are invited to a chat. Sign in to join it.'
            : 'Sign in to see your chats.'}
        </p>
        <button type="button" class="primary wide" onClick={() => void signIn()}>
          Sign in
        </button>
      </div>
    </main>
  );
}
