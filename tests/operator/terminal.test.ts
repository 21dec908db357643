import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTerminal, type Terminal } from '../../src/operator/terminal.js';

let keyboard: PassThrough;
let screen: PassThrough;
let shown: string;
let terminal: Terminal;

beforeEach(() => {
  [keyboard, screen, shown] = [new PassThrough(), new PassThrough(), ''];
  screen.on('data', (chunk) => {
    shown += chunk;
  });
  terminal = openTerminal(keyboard, screen);
});
afterEach(() => terminal.close());

/** Types once the question stands on the screen. */
async function typeAt(question: string, text: string): Promise<void> {
  const from = shown.length;
  while (!shown.slice(from).includes(question)) await once(screen, 'data');
  keyboard.write(text);
}

describe('a terminal', () => {
  it('shows what is typed, and gives it without the spaces around', async () => {
    const [answer] = await Promise.all([terminal.ask('Username: '), typeAt('Username: ', '  ann \r')]);
    expect(answer).toBe('ann');
    while (!shown.includes('ann')) await once(screen, 'data');
  });

  it('takes a password twice and shows it never', async () => {
    const typing = typeAt('Password: ', 'sesame, open\r').then(() => typeAt('Again: ', 'sesame, open\r'));
    const [password] = await Promise.all([terminal.askNewPassword('Password: '), typing]);
    expect(password).toBe('sesame, open');
    expect(shown).not.toContain('sesame');
    // Neither do the arrow keys bring it back.
    const [answer] = await Promise.all([terminal.ask('Email: '), typeAt('Email: ', '\u001b[A\r')]);
    expect(answer).toBe('');
  });

  it('refuses two passwords that differ', async () => {
    const typing = typeAt('Password: ', 'one\r').then(() => typeAt('Again: ', 'two\r'));
    const asked = expect(terminal.askNewPassword('Password: ')).rejects.toThrow('The two passwords differ.');
    await Promise.all([asked, typing]);
  });

  it.each([
    ['Ctrl-C', '\u0003'],
    ['Ctrl-D', '\u0004'],
  ])('lets the person give up with %s', async (_name, key) => {
    const asked = expect(terminal.ask('Username: ')).rejects.toThrow('Nothing was changed.');
    await Promise.all([asked, typeAt('Username: ', key)]);
  });
});
