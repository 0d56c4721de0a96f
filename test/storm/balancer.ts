/** HAProxy in front of several instances, as docs/guides describe it: it asks /readyz, and leaves out whoever does not say yes. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../support/mongo-server.ts';
import { findCommand } from '../support/parts.ts';

export interface Balancer {
  url: string;
  start(ports: readonly number[]): void;
  stop(): Promise<void>;
}

/** Its address is known before it runs: the instances need it as their public URL. */
export async function createBalancer(): Promise<Balancer> {
  const command = findCommand('haproxy');
  if (!command) throw new Error('no haproxy on this machine');
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-balancer-'));
  let stop = async () => {};
  return {
    url: `http://127.0.0.1:${port}`,
    start(ports) {
      const file = join(folder, 'haproxy.cfg');
      writeFileSync(file, configurationOf(port, ports));
      const child = spawn(command, ['-db', '-f', file], { stdio: 'ignore' });
      const ended = new Promise((resolve) => child.once('exit', resolve));
      stop = async () => {
        child.kill('SIGTERM');
        await ended;
      };
    },
    async stop() {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function configurationOf(port: number, ports: readonly number[]): string {
  return `
defaults
    mode http
    timeout connect 1s
    timeout client 30s
    timeout server 12s
    timeout queue 2s
    retries 2
    option redispatch

frontend scim
    bind 127.0.0.1:${port}
    default_backend latchkey

backend latchkey
    balance roundrobin
    option httpchk GET /readyz
    default-server check inter 500ms fall 2 rise 1
${ports.map((each, index) => `    server instance${index + 1} 127.0.0.1:${each}`).join('\n')}
`;
}
