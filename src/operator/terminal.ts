import { createInterface } from 'node:readline';
import { type Readable, Writable } from 'node:stream';
import { CommandError } from './command-error.js';

/** Prompts an operator. */
export interface Terminal {
  /** The line typed, trimmed. @throws CommandError when the operator cancels (Ctrl-C, Ctrl-D) */
  ask(question: string): Promise<string>;
  /** A password typed twice without echo. @throws CommandError when the two differ or the operator cancels */
  askNewPassword(question: string): Promise<string>;
  close(): void;
}

/** Prompts are written to `output`: standard error, since standard output is for the command's result. */
export function openTerminal(input: Readable, output: Writable): Terminal {
  let hidden = false;
  const echo = new Writable({
    write(chunk, encoding, done) {
      if (hidden) done();
      else output.write(chunk, encoding, done);
    },
  });
  // No history: the arrow keys would show a password again.
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
