import { useState } from 'preact/hooks';
import { chat } from '../session/session.js';
import { Form, given } from '../ui/form.js';
import { attempt } from '../ui/problems.js';
import { Secret } from '../ui/secret.js';
import type { Person } from './users.js';

const CREATE = `mutation($username:String!,$password:String!,$role:UserRole!){
createUser(username:$username,password:$password,role:$role){id username firstName lastName role kind isActive}}`;

/** 96 random bits, in characters that are easy to type. */
function newPassword(): string {
  return [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(36).padStart(2, '0')).join('');
}

/** Makes an account, and shows once how its person signs in. */
export function NewPerson({ onCreated }: { onCreated: (person: Person) => Promise<unknown> }) {
  const [made, setMade] = useState<{ username: string; password: string } | undefined>();
  const create = async (fields: FormData) => {
    const username = given(fields, 'username');
    const password = newPassword();
    const role = fields.get('admin') === null ? 'user' : 'admin';
    const { createUser } = await chat.request<{ createUser: Person }>(CREATE, { username, password, role });
    // The account is there, whatever comes of what is done with it: nobody else knows the password.
    setMade({ username: createUser.username, password });
    await attempt(() => onCreated(createUser));
  };
  if (made) return <HowToSignIn {...made} />;
  return (
    <Form action="Make the account" submit={create}>
      <label>
        Username
        <input name="username" required maxLength={150} autocomplete="off" autocapitalize="none" spellcheck={false} />
      </label>
      <label class="check">
        <input type="checkbox" name="admin" />
        An admin, who may do everything
      </label>
    </Form>
  );
}

function HowToSignIn({ username, password }: { username: string; password: string }) {
  return (
    <div class="form">
      <p role="status">
        <strong>{username}</strong> has an account. The password is shown this once:
      </p>
      <Secret text={password} label="the password" />
      <a class="primary wide button" href={`/#/as/${encodeURIComponent(username)}`} target="_blank" rel="noopener">
        Open a window as {username}
      </a>
    </div>
  );
}
