/** Containers can't be started here; what their files say is held to what the code and the other tests do. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import { describe, it } from 'node:test';
import { parseEnv } from 'node:util';
import { parse } from 'yaml';
import { readConfig, SETTINGS } from '../../src/config/index.ts';
import type { Answer } from '../support/api.ts';
import { runApp } from '../support/app.ts';
import { freePort } from '../support/mongo-server.ts';
import { cleanEnvironment } from '../support/process.ts';

const text = readFileSync('docker-compose.yml', 'utf8');
const compose: Answer = parse(text);
const { latchkey, mongodb } = compose.services;
const dockerfile = readFileSync('Dockerfile', 'utf8').replaceAll('\\\n', ' ');
const { scripts, engines, dependencies } = JSON.parse(readFileSync('package.json', 'utf8'));

/** The instructions of the last stage, the one that is run. */
const stages = dockerfile.split(/^FROM /m).slice(1);
const image = (stages.at(-1) ?? '').split('\n');
const argumentsOf = (name: string) =>
  image.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1).trim());
const environment = Object.fromEntries(argumentsOf('ENV').map((line) => line.split('=') as [string, string]));

describe('docker-compose.yml', () => {
  it('runs the command that npm start runs, as the image does', () => {
    // npm runs a shell, which has to make way, or a signal would end the shell alone.
    assert.equal(`exec ${latchkey.command.join(' ')}`, scripts.start);
    assert.deepEqual(
      argumentsOf('CMD').map((line) => JSON.parse(line)),
      [latchkey.command],
    );
  });

  it('gives settings that exist and are accepted together', () => {
    const values = Object.fromEntries(
      Object.entries<string>(latchkey.environment).map(([key, value]) => [key, withDefaults(value)]),
    );
    const given = { ...environment, ...parseEnv(readFileSync(latchkey.env_file, 'utf8')), ...values };
    const config = readConfig(given, secretOf);
    assert.equal(config.LATCHKEY_HOST, '0.0.0.0');
    assert.equal(
      config.LATCHKEY_DATABASE_URL,
      'mongodb://latchkey:PASSWORD@mongodb:27017/latchkey?replicaSet=rs0&authSource=admin',
    );
    assert.deepEqual(latchkey.ports, [`127.0.0.1:${config.LATCHKEY_PORT}:${config.LATCHKEY_PORT}`]);
    assert.ok(Number.parseInt(latchkey.stop_grace_period, 10) > config.LATCHKEY_DRAIN_SECONDS);
  });

  it('holds no secret: those come from files that are no part of the project', () => {
    const given = { ...latchkey.environment, ...parseEnv(readFileSync(latchkey.env_file, 'utf8')) };
    for (const [key, setting] of Object.entries(SETTINGS)) {
      if (!('secret' in setting)) continue;
      assert.equal(given[key], undefined, key);
      if (given[`${key}_FILE`] === undefined) continue;
      const name = given[`${key}_FILE`].replace('/run/secrets/', '');
      assert.ok(latchkey.secrets.includes(name), `${name} is not mounted`);
      const { file } = compose.secrets[name];
      assert.match(file, /^\.\/secrets\//);
    }
    assert.deepEqual(Object.keys(compose.secrets).sort(), [...latchkey.secrets, ...mongodb.secrets].sort());
    for (const name of Object.keys(compose.secrets))
      assert.match(text, new RegExp(`^# .*> secrets/${name}$`, 'm'), name);
    assert.match(readFileSync('.gitignore', 'utf8'), /^secrets\/$/m);
    assert.doesNotMatch(JSON.stringify(compose), /:\/\/[^/"]*@/i);
    assert.equal(mongodb.environment.MONGO_INITDB_ROOT_PASSWORD, undefined);
  });

  it('gives Latchkey no more of the machine than it needs', () => {
    assert.equal(latchkey.read_only, true);
    assert.deepEqual(latchkey.cap_drop, ['ALL']);
    assert.equal(latchkey.cap_add, undefined);
    assert.equal(latchkey.privileged, undefined);
    assert.equal(latchkey.volumes, undefined, 'nothing is written');
    assert.ok(latchkey.user && !/^(?:root|0)\b/.test(latchkey.user));
    assert.match(latchkey.tmpfs.join(), /^\/tmp:/);
    for (const service of [latchkey, mongodb]) {
      assert.ok(service.security_opt.includes('no-new-privileges:true'));
      assert.deepEqual(service.cap_drop, ['ALL']);
      assert.equal(service.cap_add, undefined);
      assert.match(service.mem_limit, /^\d+[mg]$/);
      assert.ok(service.pids_limit > 0);
      assert.ok(service.user && !/^(?:root|0)\b/.test(service.user));
    }
  });

  it('keeps the store away from everybody but Latchkey', () => {
    assert.equal(mongodb.ports, undefined);
    assert.deepEqual(mongodb.networks, ['store']);
    // With users a replica set asks its members for a key, and everybody for the password.
    assert.match(mongodb.command.join(' '), /--keyFile \/tmp\/member\.key/);
    assert.match(mongodb.entrypoint.join(' '), /install -m 400 \/run\/secrets\/mongodb_password \/tmp\/member\.key/);
    assert.equal(mongodb.environment.MONGO_INITDB_ROOT_PASSWORD_FILE, '/run/secrets/mongodb_password');
    assert.equal(compose.networks.store.internal, true);
    assert.ok(latchkey.networks.includes('store'));
    for (const port of latchkey.ports) assert.match(port, /^127\.0\.0\.1:/);
  });

  it('starts a replica set, and Latchkey when it takes writes', () => {
    const [, name] = /--replSet (\S+)/.exec(mongodb.command.join(' ')) ?? [];
    const check = mongodb.healthcheck.test.join(' ');
    assert.equal(name, 'rs0');
    assert.match(check, /rs\.initiate\(\{ _id: 'rs0', members: \[\{ _id: 0, host: 'mongodb:27017' \}\] \}\)/);
    assert.match(check, /isWritablePrimary/);
    assert.equal(latchkey.depends_on.mongodb.condition, 'service_healthy');
    assert.match(withDefaults(mongodb.image), /^mongo:8\.0/);
    assert.deepEqual(
      mongodb.volumes.map((volume: string) => volume.split(':')[0]),
      Object.keys(compose.volumes),
    );
  });
});

describe('the image', () => {
  it('is built in stages, all on Node 24, which the project allows', () => {
    assert.ok(stages.length > 1);
    for (const stage of stages) assert.match(stage, /^node:24-slim\b/);
    assert.ok(24 >= Number(/\d+/.exec(engines.node)?.[0]));
  });

  it('has no development dependencies and runs the built program as somebody without rights', () => {
    const copied = argumentsOf('COPY').join('\n');
    assert.match(copied, /^--from=dependencies \S+\/node_modules /m);
    assert.match(stages.find((stage) => stage.includes(' AS dependencies')) ?? '', /npm ci --omit=dev/);
    assert.doesNotMatch(copied, /^(?:\.|src|test) /m);
    assert.deepEqual(argumentsOf('USER'), ['node']);
    assert.deepEqual(argumentsOf('STOPSIGNAL'), ['SIGTERM']);
    assert.equal(environment['NODE_ENV'], 'production');
    assert.ok(Object.keys(dependencies).every((name) => !['tsx', 'typescript'].includes(name)));
  });

  it('builds the file that it runs, from the entry that the tests run as a process', () => {
    const { compilerOptions } = JSON.parse(readFileSync('tsconfig.build.json', 'utf8'));
    const [, file = ''] = / (\S+)$/.exec(scripts.start) ?? [];
    assert.equal(file, `${compilerOptions.outDir}/main.js`);
    const source = `${compilerOptions.rootDir}/main.ts`;
    assert.ok(existsSync(source));
    const program = source.replace(/\.ts$/, '.js');
    assert.ok(readFileSync('test/support/process.ts', 'utf8').includes(`import.meta.dirname, '../../${program}'`));
  });

  it('has the files that the program reads beside itself', () => {
    const sources = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((file) => /\.tsx?$/.test(file));
    const read = sources.flatMap((file) =>
      [...readFileSync(join('src', file), 'utf8').matchAll(/new URL\('([^']+)', import\.meta\.url\)/g)].map(
        ([, path = '']) => normalize(join('dist', dirname(file), path)).replace(/\/$/, ''),
      ),
    );
    assert.ok(read.includes('package.json'), read.join());
    const copies = argumentsOf('COPY').filter((line) => !line.startsWith('--from='));
    const placed = copies.flatMap((line) => {
      const [target = '', ...from] = line.split(/\s+/).reverse();
      // A folder's content goes into the target, a file keeps its name there.
      return from.map((path) => normalize(target.endsWith('/') ? join(target, basename(path)) : target));
    });
    for (const path of read) assert.ok(placed.includes(path), `${path} is not in the image, which has ${placed}`);
  });

  it('copies only what .dockerignore lets through', () => {
    const [first, ...allowed] = readFileSync('.dockerignore', 'utf8')
      .split('\n')
      .filter((line) => /^[^#]/.test(line));
    assert.equal(first, '*');
    const open = allowed.map((line) => line.replace(/^!/, ''));
    const copied = dockerfile
      .split('\n')
      .filter((line) => line.startsWith('COPY ') && !line.includes('--from='))
      .flatMap((line) => line.split(/\s+/).slice(1, -1));
    assert.deepEqual([...new Set(copied)].sort(), open.sort());
    for (const name of open) assert.ok(existsSync(name), name);
  });

  describe('asks for its health', () => {
    const app = runApp();

    function check(port: string): Promise<number | null> {
      const [line = ''] = argumentsOf('HEALTHCHECK');
      const [command, ...args] = JSON.parse(line.slice(line.indexOf('[')));
      assert.equal(command, 'node');
      const env = { ...cleanEnvironment(), LATCHKEY_PORT: port };
      return new Promise((resolve) => spawn(process.execPath, args, { env, stdio: 'ignore' }).once('exit', resolve));
    }

    it('and finds it well when Latchkey answers', async () => {
      assert.equal(await check(new URL(app.url).port), 0);
    });

    it('and finds it ill when nobody does', async () => {
      assert.equal(await check(String(await freePort())), 1);
    });
  });
});

/** `${NAME:-default}` as compose reads it when NAME is not set. */
function withDefaults(value: string): string {
  return value.replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1');
}

/** What the commands at the top of the file put into a secret. */
function secretOf(path: string): string {
  const name = path.replace('/run/secrets/', '');
  const [, command = ''] = new RegExp(`^#\\s+(.*) > secrets/${name}$`, 'm').exec(text) ?? [];
  const [, echoed] = /^echo "(.*)"$/.exec(command) ?? [];
  return echoed?.replace(/\$\(cat [^)]*\)/, 'PASSWORD') ?? 'a secret that is long enough for use';
}
