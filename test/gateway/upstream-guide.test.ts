/** The code of docs/guides/upstream.md, with the addresses of this run, against the JWT that the gateway really sends. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { SignJWT } from 'jose';
import { systemClock } from '../../src/clock.ts';
import { runApp } from '../support/app.ts';
import { type Behind, createBehind, json } from '../support/gateway.ts';
import { codeIn } from '../support/guide-code.ts';
import { findCommand, hasPart, missingParts, type Part } from '../support/parts.ts';

/** Each reads a value of Authorization from each line, and prints the directory or "refused". */
const PROGRAMS = {
  node: {
    file: 'server.mjs',
    around: (code: string) => `${code}
import { createInterface } from 'node:readline';
for await (const authorization of createInterface(process.stdin))
  console.log(await directoryOf({ headers: { authorization } }).catch(() => 'refused'));
`,
    command: (file: string) => [process.execPath, file],
  },
  go: {
    file: 'main.go',
    around: (code: string) => `package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
)

${code}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		directory, err := directoryOf(&http.Request{Header: http.Header{"Authorization": {lines.Text()}}})
		if err != nil {
			directory = "refused"
		}
		fmt.Println(directory)
	}
}
`,
    command: (file: string) => [findCommand('go') ?? '', 'run', file],
    part: 'go',
  },
  python: {
    file: 'server.py',
    around: (code: string) => `${code}

import sys
from types import SimpleNamespace

for line in sys.stdin:
    try:
        print(directory_of(SimpleNamespace(headers={"Authorization": line.strip()})))
    except jwt.PyJWTError:
        print("refused")
`,
    command: (file: string) => [findCommand('python') ?? '', file],
    part: 'python',
  },
} satisfies Record<
  string,
  { file: string; around: (code: string) => string; command: (file: string) => string[]; part?: Part }
>;

describe('the code of docs/guides/upstream.md', () => {
  const app = runApp({ realClock: systemClock });
  let its: Behind;
  let lines: string[];
  const behind = createBehind(() => app);
  /** In `build`, where jose is found in node_modules. */
  const folder = mkdtempSync('build/upstream-guide-');

  before(async () => {
    const sent = async (server: Behind) => {
      await server.ask('/Users');
      return String(server.asked.at(-1)?.headers.authorization);
    };
    const upstreamCredential = { kind: 'jwt' };
    its = await behind.http(json({}), '/scim', { upstreamCredential });
    const other = await behind.http(json({}), '/scim', { upstreamCredential });
    const good = await sent(its);
    const [head = '', payload = '', signature = ''] = good.split('.');
    const forged = Buffer.from(JSON.stringify({ ...decoded(payload), directory_id: 'dir_x', sub: 'dir_x' }));
    const now = Math.floor(Date.now() / 1000);
    const byKeyOfOthers = await new SignJWT({ ...decoded(payload), exp: now + 60 })
      .setProtectedHeader({ alg: 'HS256', kid: String(decoded(head.replace('Bearer ', ''))['kid']) })
      .sign(new TextEncoder().encode('a key of somebody else, which is long enough'));
    lines = [
      good,
      await sent(other),
      `${head}.${forged.toString('base64url')}.${signature}`,
      `Bearer ${byKeyOfOthers}`,
      'Bearer not-a-token',
    ];
    cpSync('test/go/go.mod', join(folder, 'go.mod'));
    cpSync('test/go/go.sum', join(folder, 'go.sum'));
  });
  after(async () => {
    await behind.close();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const [name, { file, around, command, ...rest }] of Object.entries(PROGRAMS)) {
    const part = 'part' in rest ? rest.part : undefined;
    it(`for ${name} takes the JWT for this server, and no other`, {
      skip: part !== undefined && !hasPart(part) && missingParts([part]).join(),
    }, async () => {
      const code = codeIn('docs/guides/upstream.md', name)
        .replaceAll('https://scim.example.com', app.url)
        .replaceAll('https://app.example.com', new URL(its.upstreamUrl).origin);
      writeFileSync(join(folder, file), around(code));
      const printed = await run(command(resolve(folder, file)), `${lines.join('\n')}\n`);
      assert.deepEqual(printed.trim().split(/\r?\n/), [its.directory.id, 'refused', 'refused', 'refused', 'refused']);
    });
  }

  function run([program = '', ...args]: string[], input: string): Promise<string> {
    const child = spawn(program, args, { cwd: folder, stdio: ['pipe', 'pipe', 'inherit'] });
    let printed = '';
    child.stdout.on('data', (chunk) => {
      printed += chunk;
    });
    child.stdin.end(input);
    return new Promise((done, fail) => {
      child.once('error', fail);
      child.once('close', (code) => (code === 0 ? done(printed) : fail(new Error(`${program} ended with ${code}`))));
    });
  }
});

function decoded(part: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(part, 'base64url').toString());
}
