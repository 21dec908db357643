import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createProgram } from '../../src/operator/program.js';
import { type DocumentedService, startDocumentedService } from './documented-service.js';
import { blocksOf, PAGES, readPage } from './pages.js';

/** Whose `sh` blocks are pasted here, and answers that must be among what they print. */
const PASTED: Record<string, RegExp[]> = {
  'README.md': [
    /"me":\{"username":"admin","role":"admin"\}/,
    /"sendMessage":\{"seq":2,"content":"Hello"\}/,
    /seq: 2,\s+cursor: '\w+:2',\s+message: .*content: 'Hello'/,
    /type: 'ack'/,
    /content: 'Hello, raw'/,
  ],
  'docs/interfaces.md': [
    /"assignUserToChat":\{"joinedAt":/,
    /"sendMessage":\{"seq":2,"content":"Hello"\}/,
    /"lastMessage":\{"content":"Hello","sender":\{"username":"ann"\}\}/,
    /"kind":"direct","name":"dm-/,
    /"setTyping":true,"setPresence":\{"status":"\w+"\}/,
    /"presence":\[\{"userId":"[^"]+","status":"offline","lastActiveAt":"[^"]+:00\.000Z"\}\]/,
    /"type":"hello","chat":\{"id":"[^"]+","name":"Tea room"\}/,
    /^event: hello\nid: \w+:\d+\ndata: \{"type":"hello"/m,
  ],
  'docs/embedding.md': [
    /"me":\{"username":"backend","kind":"bot","role":"admin"\}/,
    /"upsertUsers":\[\{"username":"jane","externalId":"customer-1"\},\{"username":"user-\w{8}","externalId":"customer-2"\}\]/,
    /"upsertChats":\[\{"name":"Order 77","externalId":"order-77"\}\]/,
    /"me":\{"username":"jane"\},"chats":\[\{"name":"Order 77"\}\]/,
    /"issueToken":\{"expiresAt":"[^"]+","user":\{"kind":"guest","firstName":"Visitor"\}\}/,
    /"setChatMembers":\[\{"role":"owner","user":\{"username":"jane"\}\}/,
    /"setChatMembers":\[\{"user":\{"kind":"bot"\}\}\]/,
    /^\{"id":"[^"]+","seq":\d+\}$/m,
  ],
  'docs/oauth.md': [
    /^client_id: phone$/m,
    /^client_secret: ccs_[\w-]{43}$/m,
    /^Removed the application phone\.$/m,
    /"scope":"read","refresh_token":"crt_/,
    /"active":true,"scope":"read",.*"username":"admin"/,
    /"active":false\}/,
  ],
  'docs/metrics.md': [/^chat_database_up 1$/m],
  'docs/backup.md': [
    /^chats with a new epoch: \d+$/m,
    /^All that is stored is what its rows give\.$/m,
    /^The audit log is as it was written\. /m,
  ],
  'docs/upgrading.md': [/^Nothing to migrate\.$/m],
  'docs/operating.md': [
    /^Created the admin ben\.$/m,
    /createsuperuser/,
    /^\{"status":"ok"\}\n\{"status":"ok","database":"ok","bus":"ok"\}$/m,
    /^socket tickets: \d+$/m,
    /^All that is stored is what its rows give\.$/m,
    /^ok: The service runs on port \d+ and is ready\.$/m,
  ],
};

/** Who runs the commands of `console` blocks: a file, and what stands in it. */
const RUN_BY: [command: RegExp, file: string, words: string][] = [
  [/^npm ci$/, '.ci/run', 'npm ci'],
  [/^npm start$/, 'tests/docs/documented-service.ts', "'dist/server.js'"],
  [/^npm run check$/, '.ci/run', 'npm run --silent check'],
  [/^npx vitest run /, 'tests/docs/contributing.test.ts', "'vitest', 'run'"],
  [/^export TEST_DATABASE_URL=/, '.ci/run', 'TEST_DATABASE_URL=$postgres TEST_REDIS_URL=$redis'],
  [/^npm test$/, '.ci/run', 'npm test'],
  [/^npm run demo$/, '.ci/run', 'npm run --silent demo'],
  [/^npm run studio$/, 'tests/scripts/studio.test.ts', 'scripts/studio.ts'],
  [/^npm run example$/, 'tests/examples/embedded.test.ts', "'run', '--silent', 'example'"],
  [/^npm run test:(faults|fuzz)\b/, '.ci/run', 'npm run --silent test:'],
  [/^npm run manage -- support-bundle /, 'tests/operator/doctor.test.ts', "'support-bundle'"],
  [/^npm run manage -- import-django /, 'tests/operator/import-django.test.ts', "'import-django'"],
  // Tried by hand: the page says what was seen.
  [/^pg_basebackup /, 'docs/backup.md', 'Tried on PostgreSQL 15'],
  // What has a place for the reader's own values, and Docker, which CI has not: a test reads its files.
  [/…/, 'tests/docs/commands.test.ts', 'paste'],
  [/^kubectl exec .* node dist\/manage\.js createsuperuser$/, 'tests/install/deploy-files.test.ts', 'kubernetes.yaml'],
  [/^(printf|docker compose) /, 'tests/install/compose.test.ts', 'docker-compose.yml'],
];

let service: DocumentedService;
beforeAll(async () => {
  service = await startDocumentedService();
}, 60_000);
afterAll(() => service.close());

describe('the commands of', () => {
  it.each(Object.entries(PASTED))('%s work when pasted', { timeout: 320_000 }, async (page, answers) => {
    const printed = await service.paste(blocksOf(page).filter(({ words }) => words[0] === 'sh'));
    for (const answer of answers) expect(printed).toMatch(answer);
    const url = /^http.*\/oauth\/authorize\/.*$/m.exec(printed)?.[0];
    if (page === 'docs/oauth.md')
      expect(await (await fetch(url ?? '')).text()).toContain('Terminal asks you to sign in');
  });

  it.each(Object.keys(PASTED))('%s have no comment with a quote, which zsh would wait to see closed', (page) => {
    const comments = blocksOf(page)
      .filter(({ words }) => words[0] === 'sh')
      .flatMap(({ text }) => text.match(/^# .*$/gm) ?? []);
    expect(comments.filter((comment) => /['"`]/.test(comment))).toEqual([]);
  });

  it.each(PAGES)('%s are run somewhere', (page) => {
    const blocks = blocksOf(page);
    expect(blocks.some(({ words }) => words[0] === 'sh')).toBe(page in PASTED);
    for (const { text } of blocks.filter(({ words }) => words[0] === 'console'))
      for (const command of commandsIn(text)) {
        const [, file = '', words = ''] = RUN_BY.find(([pattern]) => pattern.test(command)) ?? [];
        expect(file, command).not.toBe('');
        expect(readPage(file), command).toContain(words);
      }
  });

  it.each(PAGES)('%s exist', (page) => {
    const { scripts }: { scripts: Record<string, string> } = JSON.parse(readPage('package.json'));
    const commands = createProgram().commands.map((command) => command.name());
    const text = readPage(page);
    for (const [, name = ''] of text.matchAll(/npm run (?:--silent )?([\w:]+)/g))
      expect(Object.keys(scripts)).toContain(name);
    for (const [, name = ''] of text.matchAll(/npm run (?:--silent )?manage -- ([a-z][\w-]*)/g))
      expect(commands).toContain(name);
  });
});

/** The commands of a block: one a line, or several joined by `&&`; without comments. A `\` joins lines. */
function commandsIn(text: string): string[] {
  return text
    .replaceAll('\\\n', ' ')
    .split(/\n| && /)
    .map((line) => line.replace(/\s+# .*$/, '').trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}
