import { Logo } from '../ui/icons.js';
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
        <p class="quiet">Sign in to see your chats.</p>
        <button type="button" class="primary wide" onClick={() => void signIn()}>
          Sign in
        </button>
      </div>
    </main>
  );
}
