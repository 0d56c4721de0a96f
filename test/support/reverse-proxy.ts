/** nginx, Caddy, HAProxy, Envoy and Apache as processes of their own, on the very files of config/forward-auth/ with other addresses in them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { freePort } from './mongo-server.ts';
import { findCommand } from './parts.ts';

export type ProxyKind = 'nginx' | 'caddy' | 'haproxy' | 'envoy' | 'apache';

export interface ReverseProxy {
  url: string;
  stop(): Promise<void>;
}

/** The addresses that stand in the files. */
export const IN_FILES = { latchkey: '127.0.0.1:4400', upstream: '127.0.0.1:8080', listen: '127.0.0.1:8480' } as const;

/** As Envoy writes them, and as everybody else does. */
const ADDRESS = /\b127\.0\.0\.1(:|, port_value: )(\d+)\b/g;
const START_MS = 60_000;

interface ProxyEntry {
  file: string;
  /** What goes around the file: a process without root, without a fixed place on the machine. */
  wrap: (folder: string, site: string) => string;
  args: (folder: string, main: string) => string[];
}

const PROXIES: Record<ProxyKind, ProxyEntry> = {
  nginx: {
    file: 'config/forward-auth/nginx.conf',
    wrap: (folder, site) => `
daemon off;
pid ${folder}/nginx.pid;
error_log stderr warn;
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  include ${site};
}
`,
    args: (folder, main) => ['-p', folder, '-e', 'stderr', '-c', main],
  },
  caddy: {
    file: 'config/forward-auth/Caddyfile',
    wrap: (_folder, site) => `{
	admin off
}
import ${site}
`,
    args: (_folder, main) => ['run', '--adapter', 'caddyfile', '--config', main],
  },
  haproxy: {
    file: 'config/forward-auth/haproxy.cfg',
    wrap: (_folder, site) =>
      readFileSync(site, 'utf8').replaceAll('/etc/haproxy/latchkey.lua', resolve('config/forward-auth/latchkey.lua')),
    args: (_folder, main) => ['-db', '-f', main],
  },
  envoy: {
    file: 'config/forward-auth/envoy.yaml',
    wrap: (_folder, site) => readFileSync(site, 'utf8'),
    args: (_folder, main) => ['--use-dynamic-base-id', '--concurrency', '1', '--log-level', 'warn', '-c', main],
  },
  apache: {
    file: 'config/forward-auth/apache.conf',
    wrap: (folder, site) => `
ServerName localhost
ServerRoot /usr/lib/apache2
PidFile ${folder}/apache.pid
DefaultRuntimeDir ${folder}
ErrorLog ${folder}/error.log
User www-data
Group www-data
${APACHE_MODULES.map((name) => `LoadModule ${name}_module modules/mod_${name}.so`).join('\n')}
StartServers 1
Include ${site}
`,
    args: (_folder, main) => ['-D', 'FOREGROUND', '-f', main],
  },
};

const APACHE_MODULES = [
  'mpm_event',
  'authn_core',
  'authz_core',
  'authz_user',
  'auth_openidc',
  'env',
  'headers',
  'proxy',
  'proxy_http',
  'rewrite',
  'setenvif',
];

/** `values`: what else stands in the file as a placeholder, and what it becomes. */
export async function startReverseProxy(
  kind: ProxyKind,
  {
    latchkeyUrl,
    upstreamUrl,
    values = {},
  }: { latchkeyUrl: string; upstreamUrl: string; values?: Record<string, string> },
): Promise<ReverseProxy> {
  const { file, wrap, args } = PROXIES[kind];
  const command = findCommand(kind);
  if (!command) throw new Error(`no ${kind} on this machine`);
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), `latchkey-${kind}-`));
  const addresses = new Map<string, string>([
    [IN_FILES.latchkey, new URL(latchkeyUrl).host],
    [IN_FILES.upstream, new URL(upstreamUrl).host],
    [IN_FILES.listen, `127.0.0.1:${port}`],
  ]);
  const site = join(folder, 'site.conf');
  const main = join(folder, kind === 'envoy' ? 'main.yaml' : 'main.conf');
  let text = withAddresses(readFileSync(file, 'utf8'), addresses);
  for (const [placeholder, value] of Object.entries(values)) text = text.replaceAll(placeholder, value);
  writeFileSync(site, text);
  writeFileSync(main, wrap(folder, site));
  mkdirSync(join(folder, 'home'));
  const home = join(folder, 'home');
  const child = spawn(command, args(folder, main), {
    cwd: folder,
    env: { PATH: process.env['PATH'], HOME: home, XDG_DATA_HOME: home, XDG_CONFIG_HOME: home },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const collect = (chunk: Buffer) => {
    output += chunk.toString();
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await untilOpen(port, child, () => output);
  return {
    url: `http://127.0.0.1:${port}`,
    async stop() {
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** In one pass, so that an address put in is not taken for one of the file's. */
export function withAddresses(text: string, addresses: ReadonlyMap<string, string>): string {
  return text
    .split('\n')
    .map((line) =>
      line.trimStart().startsWith('#')
        ? line
        : line.replace(ADDRESS, (_given, mark: string, port: string) =>
            (addresses.get(`127.0.0.1:${port}`) ?? `127.0.0.1:${port}`).replace(':', mark),
          ),
    )
    .join('\n');
}

async function untilOpen(port: number, child: ChildProcess, output: () => string): Promise<void> {
  const deadline = performance.now() + START_MS;
  while (performance.now() < deadline && child.exitCode === null) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
    if (isOpen) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`it does not listen:\n${output()}`);
}
