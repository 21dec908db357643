import { createInterface } from 'node:readline';
import { type Readable, Writable } from 'node:stream';
import { CommandError } from './command-error.js';

/** A person who can be asked. */
export interface Terminal {
  /** The line they type, without spaces around it. @throws CommandError when they give up (Ctrl-C, Ctrl-D). */
  ask(question: string): Promise<string>;
  /** What they type twice and nobody sees. @throws CommandError when the two differ or they give up. */
  askNewPassword(question: string): Promise<string>;
  close(): void;
}

/** Questions go to `output`, which is standard error, so that standard output keeps to the command's answer. */
export function openTerminal(input: Readable, output: Writable): Terminal {
  let hidden = false;
  const echo = new Writable({
    write(chunk, encoding, done) {
      if (hidden) done();
      else output.write(chunk, encoding, done);
    },
  });
  // Without a history, or the arrow keys would bring a password back into sight.
  const lines = createInterface({ input, output: echo, terminal: true, historySize: 0 });
  const answers = lines[Symbol.asyncIterator]();

  async function read(question: string): Promise<string> {
    lines.setPrompt(question);
    lines.prompt();
    const answer = await answers.next();
    if (answer.done) throw new CommandError('Nothing was changed.');
    return answer.value;
  }

  async function readHidden(question: string): Promise<string> {
    output.write(question);
    hidden = true;
    try {
      return await read('');
    } finally {
      hidden = false;
      output.write('\n');
    }
  }

  return {
    ask: async (question) => (await read(question)).trim(),
    async askNewPassword(question) {
      const password = await readHidden(question);
      if ((await readHidden('Again: ')) !== password) throw new CommandError('The two passwords differ.');
      return password;
    },
    close: () => lines.close(),
  };
}
