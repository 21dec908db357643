import type { TargetedSubmitEvent } from 'preact';
import { useState } from 'preact/hooks';
import { chat } from '../session/session.js';
import { textOf } from '../ui/problems.js';
import type { Person } from './users.js';

const CREATE = `mutation($username:String!,$password:String!,$role:UserRole!){
createUser(username:$username,password:$password,role:$role){id username firstName lastName role kind isActive}}`;

/** 96 random bits, in characters that are easy to type. */
function newPassword(): string {
  return [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(36).padStart(2, '0')).join('');
}

/** Makes an account, and shows once how its person signs in. */
export function NewPerson({ onCreated }: { onCreated: (person: Person) => Promise<unknown> }) {
  const [problem, setProblem] = useState<string | undefined>();
  const [made, setMade] = useState<{ username: string; password: string } | undefined>();
  const create = async (form: HTMLFormElement) => {
    const fields = new FormData(form);
    const username = String(fields.get('username')).trim();
    const password = newPassword();
    const role = fields.get('admin') === null ? 'user' : 'admin';
    setProblem(undefined);
    try {
      const { createUser } = await chat.request<{ createUser: Person }>(CREATE, { username, password, role });
      await onCreated(createUser);
      setMade({ username, password });
    } catch (error) {
      setProblem(textOf(error));
    }
  };
  if (made) return <HowToSignIn {...made} />;
  const onSubmit = (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    void create(event.currentTarget);
  };
  return (
    <form class="form" onSubmit={onSubmit}>
      <label>
        Username
        <input name="username" required maxLength={150} autocomplete="off" autocapitalize="none" spellcheck={false} />
      </label>
      <label class="check">
        <input type="checkbox" name="admin" />
        An admin, who may do everything
      </label>
      {problem !== undefined && (
        <p class="alarm" role="alert">
          {problem}
        </p>
      )}
      <button type="submit" class="primary wide">
        Make the account
      </button>
    </form>
  );
}

function HowToSignIn({ username, password }: { username: string; password: string }) {
  const [isCopied, setCopied] = useState(false);
  return (
    <div class="form" role="status">
      <p>
        <strong>{username}</strong> has an account. The password is shown this once:
      </p>
      <p class="secret">
        <code>{password}</code>
        <button
          type="button"
          class="secondary"
          onClick={() => void navigator.clipboard.writeText(password).then(() => setCopied(true))}
        >
          {isCopied ? 'Copied' : 'Copy'}
        </button>
      </p>
      <a class="primary wide button" href={`/#/as/${encodeURIComponent(username)}`} target="_blank" rel="noopener">
        Open a window as {username}
      </a>
    </div>
  );
}
