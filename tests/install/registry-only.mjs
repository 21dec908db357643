// node tests/install/registry-only.mjs COMMAND…: runs the command behind a proxy of this machine that lets it reach npm's registry
// and nothing else, and fails when it, or a Node process that it started, asked for another host. It needs no package, so that
// it can watch `npm ci` itself.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [command, ...args] = process.argv.slice(2);
if (command === undefined) throw new Error('Usage: node tests/install/registry-only.mjs COMMAND…');
const given = Object.keys(process.env).find(
  (name) => /^(npm_config_)?https?[_-]proxy$/i.test(name) && process.env[name],
);
if (given !== undefined) {
  console.log(`The hosts are not watched: ${given} is set, and this knows no proxy behind its own.`);
  process.exit(spawnSync(command, args, { stdio: 'inherit' }).status ?? 1);
}

const { protocol, hostname, port } = new URL(
  spawnSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).stdout.trim(),
);
if (protocol !== 'https:') {
  console.log('The hosts are not watched: the registry is not asked by https.');
  process.exit(spawnSync(command, args, { stdio: 'inherit' }).status ?? 1);
}
const registry = { host: hostname, port: Number(port || 443) };
const registryName = `${registry.host}:${registry.port}`;
const asked = [];

const proxy = createServer((request, response) => {
  asked.push(URL.canParse(request.url) ? new URL(request.url).host : request.url);
  response.writeHead(403).end();
});
proxy.on('connect', ({ url }, client, head) => {
  asked.push(url);
  client.on('error', () => client.destroy());
  if (url !== registryName) return client.end('HTTP/1.1 403 Forbidden\r\n\r\n');
  const server = connect(registry, () => {
    client.write('HTTP/1.1 200 Connection established\r\n\r\n');
    server.write(head);
    server.pipe(client).pipe(server);
  });
  server.on('error', () => client.destroy());
  client.on('close', () => server.destroy());
});
proxy.listen(0, '127.0.0.1');
await once(proxy, 'listening');

const folder = mkdtempSync(join(tmpdir(), 'chat-api-install-'));
const connections = join(folder, 'connections');
writeFileSync(connections, '');
const proxyUrl = `http://127.0.0.1:${proxy.address().port}`;
const note = fileURLToPath(new URL('note-connections.cjs', import.meta.url));
const child = spawn(command, args, {
  stdio: 'inherit',
  env: {
    ...process.env,
    ...Object.fromEntries(['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy'].map((name) => [name, proxyUrl])),
    no_proxy: '127.0.0.1,localhost',
    NO_PROXY: '127.0.0.1,localhost',
    NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --require ${JSON.stringify(note)}`,
    CONNECTIONS_FILE: connections,
  },
});
const [code] = await once(child, 'exit');
asked.push(...readFileSync(connections, 'utf8').split('\n').filter(Boolean));
rmSync(folder, { recursive: true });

const isOurs = (host) => host === registryName || /^(127\.0\.0\.1|localhost|\[?::1\]?):/.test(host);
const others = new Set(asked.filter((host) => !isOurs(host)));
for (const host of others) console.error(`It asked for ${host}; nothing but npm's registry may be needed.`);
if (others.size === 0)
  console.log(asked.includes(registryName) ? "It asked npm's registry alone." : 'It asked nobody.');
process.exit(code === 0 && others.size === 0 ? 0 : 1);
