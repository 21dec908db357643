import { useRef, useState } from 'preact/hooks';
import { Avatar } from '../ui/avatar.js';
import { Icon } from '../ui/icons.js';
import { Lazy } from '../ui/lazy.js';
import { Popup } from '../ui/popup.js';
import { chooseTheme, chosenTheme, THEMES, type Theme } from '../ui/theme.js';
import { signOut } from './session.js';
import { useViewer } from './viewer.js';

const loadBlocked = async () => (await import('../people/blocked-dialog.js')).BlockedDialog;

const THEME_NAMES: Record<Theme, string> = { auto: 'As the system', light: 'Light', dark: 'Dark' };

export function AccountMenu() {
  const me = useViewer();
  const anchor = useRef<HTMLDivElement>(null);
  const [isOpen, setOpen] = useState(false);
  const [theme, setTheme] = useState(chosenTheme);
  const [isBlocked, setBlocked] = useState(false);
  if (!me) return null;
  return (
    <div class="account" ref={anchor}>
      <button
        type="button"
        class="account-button"
        aria-expanded={isOpen}
        aria-label={`Your account, ${me.username}`}
        onClick={() => setOpen(!isOpen)}
      >
        <Avatar user={me} />
      </button>
      {isOpen && (
        <Popup label="Your account" role="group" anchor={anchor} onClose={() => setOpen(false)}>
          <p class="popup-title">
            {me.username}
            {me.role === 'admin' && <span class="tag">admin</span>}
          </p>
          {THEMES.map((choice) => (
            <button
              key={choice}
              type="button"
              class="menu-item"
              aria-pressed={choice === theme}
              onClick={() => {
                chooseTheme(choice);
                setTheme(choice);
              }}
            >
              <Icon name="theme" />
              {THEME_NAMES[choice]}
            </button>
          ))}
          <hr />
          <button
            type="button"
            class="menu-item"
            onClick={() => {
              setOpen(false);
              setBlocked(true);
            }}
          >
            <Icon name="block" />
            Blocked people
          </button>
          <button type="button" class="menu-item" onClick={() => void signOut()}>
            <Icon name="logOut" />
            Sign out
          </button>
        </Popup>
      )}
      {isBlocked && <Lazy load={loadBlocked} props={{ onClose: () => setBlocked(false) }} />}
    </div>
  );
}
