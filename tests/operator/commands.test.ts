import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sentenceOf } from '../../src/operator/command-error.js';
import { createProgram } from '../../src/operator/program.js';
import { type Embedded, startEmbedded } from '../../src/plugins/database/embedded.js';
import { type ConfiguredDatabase, configureDatabase } from '../support/configured-database.js';
import { manage as runManage } from '../support/manage.js';

const PASSWORD = 'correct horse battery';
const names = [
  'migrate',
  'createsuperuser',
  'createuser',
  'changepassword',
  'createapplication',
  'removeapplication',
  'cleartokens',
  'rotate-epoch',
  'verify',
  'audit',
  'doctor',
  'support-bundle',
  'import-django',
];

let database: ConfiguredDatabase;
const manage = (args: string[], more?: Record<string, string>) => runManage(database, args, more);
/** What a command that has to succeed prints. */
const answer = async (args: string[], more?: Record<string, string>) => {
  const outcome = await manage(args, more);
  expect(outcome).toMatchObject({ code: 0, stderr: '' });
  return outcome.stdout;
};
/** What a command that has to fail says: one line on standard error, and nothing else. */
const refusal = async (args: string[], more?: Record<string, string>) => {
  const { code, stdout, stderr } = await manage(args, more);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/^[A-Z].*[.)]\n$/);
  return stderr.trimEnd();
};

beforeAll(async () => {
  database = await configureDatabase({ prepared: true });
});
afterAll(() => database.remove());

describe('the commands, on a database that nobody runs', { timeout: 60_000 }, () => {
  it('bring the database to the newest schema, once', async () => {
    await manage(['migrate']);
    expect(await answer(['migrate'])).toBe('Nothing to migrate.\n');
  });

  it('create an admin from flags', async () => {
    expect(await answer(['createsuperuser', '--noinput', '--username', 'ann', '--password', PASSWORD])).toBe(
      'Created the admin ann.\n',
    );
  });
});

describe('the commands, on a database that runs', { timeout: 60_000 }, () => {
  let running: Embedded | undefined;
  beforeAll(async () => {
    const { DATABASE_URL: url, DATA_DIR: folder } = database.environment;
    if (!url) running = await startEmbedded(folder);
  });
  afterAll(() => running?.close());

  it('create an admin from the environment where nobody can be asked', async () => {
    const environment = { ADMIN_USERNAME: 'root', ADMIN_PASSWORD: PASSWORD };
    expect(await answer(['createsuperuser', '--noinput'], environment)).toBe('Created the admin root.\n');
    expect(
      await answer(['createsuperuser', '--username', 'op'], { ADMIN_PASSWORD: PASSWORD, NODE_ENV: 'production' }),
    ).toBe('Created the admin op.\n');
    expect(await refusal(['createsuperuser', '--noinput', '--username', 'x'])).toBe(
      'The password is missing: give --password or set ADMIN_PASSWORD.',
    );
  });

  it('create users of either role and never give them the admin’s password', async () => {
    const user = ['createuser', '--username', 'bob', '--password', PASSWORD, '--email', 'bob@example.com'];
    expect(await answer(user)).toBe('Created the user bob.\n');
    expect(await answer(['createuser', '--username', 'ada', '--password', PASSWORD, '--role', 'admin'])).toBe(
      'Created the admin ada.\n',
    );
    expect(await refusal(user)).toBe('This username is taken.');
    expect(await refusal(['createuser', '--username', 'x'], { ADMIN_PASSWORD: PASSWORD })).toBe(
      'The password is missing: give --password.',
    );
    expect(await refusal(['createuser', '--username', 'x', '--password', PASSWORD, '--role', 'boss'])).toMatch(
      /'boss' is invalid/,
    );
  });

  it('change a password', async () => {
    await answer(['createuser', '--username', 'cid', '--password', PASSWORD]);
    expect(await answer(['changepassword', '--username', 'cid', '--password', 'battery staple'])).toMatch(
      /^Changed the password of cid. Every sign-in has ended.\n/,
    );
    expect(await refusal(['changepassword', '--username', 'cid', '--password', 'short'])).toBe(
      'Password must have 8 to 256 characters.',
    );
    expect(await refusal(['changepassword', '--username', 'nobody', '--password', PASSWORD])).toBe(
      'There is no such user.',
    );
  });

  it('register applications and print their credentials', async () => {
    expect(await answer(['createapplication', '--name', 'Robot'])).toMatch(
      /^client_id: [0-9a-f]{40}\nclient_secret: ccs_\S{43}\n$/,
    );
    const chosen = ['--client-id', 'web', '--client-secret', 's3cret', '--grants', 'password,refresh_token'];
    expect(await answer(['createapplication', '--name', 'Web', ...chosen, '--scopes', 'read write'])).toBe(
      'client_id: web\nclient_secret: s3cret\n',
    );
    expect(await refusal(['createapplication', '--name', 'Web', ...chosen])).toBe('This client id is taken.');
    const uris = ['--redirect-uris', 'https://app.example/callback http://127.0.0.1/callback'];
    expect(await answer(['createapplication', '--name', 'Phone', '--public', ...uris])).toMatch(
      /^client_id: [0-9a-f]{40}\n$/,
    );
  });

  it('register applications that act as a bot, which is made with the first of them', async () => {
    const backend = ['createapplication', '--name', 'Backend', '--service-user', 'backend'];
    const credentials = /^client_id: [0-9a-f]{40}\nclient_secret: ccs_\S{43}\n$/;
    expect(await answer([...backend, '--role', 'admin'])).toMatch(credentials);
    expect(await answer(backend)).toMatch(credentials);
    expect(await refusal(['createapplication', '--name', 'Ann', '--service-user', 'ann'])).toBe(
      'The user ann is a person: choose another name for the service user.',
    );
    expect(await refusal(['createapplication', '--name', 'App', '--role', 'admin'])).toBe(
      'The role is that of a service user: give --service-user too.',
    );
    expect(await refusal(['changepassword', '--username', 'backend', '--password', PASSWORD])).toBe(
      'A bot has no password.',
    );
  });

  it('remove applications, once', async () => {
    await answer(['createapplication', '--name', 'Old', '--client-id', 'old']);
    const remove = ['removeapplication', '--client-id', 'old'];
    expect(await answer(remove)).toBe('Removed the application old.\n');
    expect(await refusal(remove)).toBe('There is no application with the client id "old".');
  });

  it('clear tokens and say how many', async () => {
    expect(await answer(['cleartokens'])).toMatch(/^sign-ins: 0\naccess tokens: 0\nrefresh tokens: 0\n/);
  });

  it('verify what is stored, and exit with 1 when something differs', async () => {
    expect(await answer(['verify'])).toBe('All that is stored is what its rows give.\n');
    const chat = '0197d1a2-0000-7000-8000-000000000001';
    const url = running?.url ?? database.environment.DATABASE_URL;
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      await client.query(`INSERT INTO chats (id, name, name_key, epoch) VALUES ($1, 'odd', 'odd', 'e')`, [chat]);
      await client.query('INSERT INTO threads (chat_id, root_seq, root_id, reply_count) VALUES ($1, 3, $1, 2)', [chat]);
      expect(await manage(['verify'])).toEqual({
        code: 1,
        stdout: `chat ${chat}, message 3: replyCount is 2, and 0 by its rows\n`,
        stderr: 'Stored counts that differ from their rows: 1.\n',
      });
    } finally {
      await client.query('DELETE FROM chats WHERE id = $1', [chat]);
      await client.end();
    }
  });

  it('verify the audit log, against what they printed before, and exit with 1 when it was changed', async () => {
    const anchor = (await answer(['audit', 'anchor'])).trimEnd();
    expect(anchor).toMatch(/^[1-9][0-9]*:[0-9a-f]{64}$/);
    const [seq] = anchor.split(':');
    const fine = `The audit log is as it was written. Entries: ${seq}; the last is ${anchor}.\n`;
    expect(await answer(['audit', 'verify', '--anchor', anchor])).toBe(fine);
    expect(await answer(['audit', 'verify', '--from', String(seq)])).toBe(
      fine.replace(`Entries: ${seq}`, 'Entries: 1'),
    );
    expect(await refusal(['audit'])).toBe('Name a command: audit verify, audit anchor.');
    expect(await refusal(['audit', 'check'])).toBe(
      'There is no command "audit check"; there are audit verify, audit anchor.',
    );
    expect(await refusal(['audit', 'verify', '--from', '0'])).toMatch(/It must be the number of an entry, from 1\.$/);
    expect(await refusal(['audit', 'verify', '--anchor', '3'])).toMatch(/It must be what "audit anchor" prints/);
    const later = `${Number(seq) + 1}:${'0'.repeat(64)}`;
    expect(await manage(['audit', 'verify', '--anchor', later])).toEqual({
      code: 1,
      stdout: `the end was cut: the last entry is ${seq}, and ${Number(seq) + 1} by the anchor\n`,
      stderr: 'The audit log is not as it was written. Faults: 1.\n',
    });
  });

  it('give chats a new epoch', async () => {
    expect(await answer(['rotate-epoch'])).toBe('chats with a new epoch: 0\n');
    expect(await refusal(['rotate-epoch', '--chat', 'nowhere'])).toBe('There is no chat of this name.');
  });
});

describe('at the command line', { timeout: 60_000 }, () => {
  it('every command has help, whatever the configuration', async () => {
    const help = await answer(['--help'], { PORT: 'nonsense' });
    for (const name of names) expect(help).toContain(`  ${name}`);
    expect(await answer(['migrate', '--help'], { PORT: 'nonsense' })).toContain('Usage: npm run manage -- migrate');
    const program = createProgram();
    expect(program.commands.map((command) => command.name())).toEqual(names);
    for (const command of program.commands) expect(command.helpInformation()).toContain('-h, --help');
  });

  it('a command that does not exist is refused', async () => {
    expect(await refusal(['creatuser', '--username', 'x'])).toBe(
      `There is no command "creatuser"; there are ${names.join(', ')}.`,
    );
  });

  it.each([
    [[], `Name a command: ${names.join(', ')}.`],
    [['migrate', '--hard'], "Unknown option '--hard'."],
    [['migrate', 'now'], "Too many arguments for 'migrate'. Expected 0 arguments but got 1."],
    [['createapplication', '--name'], "Option '--name <name>' argument missing."],
    [['changepassword', '--password', PASSWORD], "Required option '--username <name>' not specified."],
  ])('%j is refused in one sentence', async (args, sentence) => {
    const parsing = createProgram().parseAsync(args, { from: 'user' });
    expect(await parsing.then(() => undefined, sentenceOf)).toBe(sentence);
  });

  it('an unreachable database is named without its password', async () => {
    expect(await refusal(['cleartokens'], { DATABASE_URL: 'postgresql://chat:sesame@127.0.0.1:1/chat' })).toBe(
      'Cannot connect to the database at 127.0.0.1:1/chat: connect ECONNREFUSED 127.0.0.1:1.',
    );
  });

  it('every mistake of the configuration is named', async () => {
    const { code, stdout, stderr } = await manage(['migrate'], { PORT: '99999', REDIS_URL: 'http://x' });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr.trimEnd().split('\n')).toEqual([
      'PORT must be a port number, 0 (any free one) to 65535, not "99999".',
      'REDIS_URL must be a URL such as redis://host:6379, redis+sentinel://host:26379/mymaster or redis+cluster://host1:6379,host2:6379; rediss for TLS.',
    ]);
  });
});
