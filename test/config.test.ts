import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigError, type Problem, readConfig } from '../src/config/index.ts';

const SECRET = 'a secret of the tests, long enough for use';
const MONGODB = 'mongodb://user:hunter2@127.0.0.1:27017/latchkey';
const noFile = (): never => {
  throw new Error('there is no such file');
};

function problemsOf(env: Record<string, string>, readFile: (path: string) => string = noFile): readonly Problem[] {
  try {
    readConfig(env, readFile);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    for (const { key, given, wanted } of error.problems) {
      assert.ok(error.message.includes(`${key}: expected ${wanted}, got ${given}`), 'the message has every problem');
    }
    return error.problems;
  }
  return [];
}

describe('reading the configuration', () => {
  it('needs nothing: every setting has a default or may be absent', () => {
    const config = readConfig({}, noFile);
    assert.equal(config.LATCHKEY_HOST, '127.0.0.1');
    assert.equal(config.LATCHKEY_PORT, 4400);
    assert.equal(config.LATCHKEY_DATABASE_URL, 'file:./data');
    assert.equal(config.LATCHKEY_LEASE_MS, 1000);
    assert.equal(config.LATCHKEY_UPSTREAM_ALLOW_PRIVATE, false);
    assert.equal(config.LATCHKEY_PUBLIC_URL, undefined);
    assert.equal(config.LATCHKEY_SECRET, undefined);
    assert.deepEqual(config.LATCHKEY_TRUSTED_PROXIES, []);
  });

  it('gives what it read frozen and in its own kind', () => {
    const config = readConfig(
      {
        LATCHKEY_PORT: '0',
        LATCHKEY_PUBLIC_URL: 'HTTPS://SCIM.example.com/',
        LATCHKEY_TRUSTED_PROXIES: ' 10.0.0.0/8, ::1 ,',
        LATCHKEY_LOG_VERIFICATIONS: '0.25',
        LATCHKEY_UPSTREAM_ALLOW_PRIVATE: 'true',
      },
      noFile,
    );
    assert.equal(config.LATCHKEY_PORT, 0);
    assert.equal(config.LATCHKEY_PUBLIC_URL, 'https://scim.example.com');
    assert.deepEqual(config.LATCHKEY_TRUSTED_PROXIES, ['10.0.0.0/8', '::1']);
    assert.equal(config.LATCHKEY_LOG_VERIFICATIONS, 0.25);
    assert.equal(config.LATCHKEY_UPSTREAM_ALLOW_PRIVATE, true);
    assert.ok(Object.isFrozen(config));
  });

  it('reports all problems at once, each with its key, what was given and what is wanted', () => {
    const problems = problemsOf({
      LATCHKEY_PORT: '65536',
      LATCHKEY_LEASE_MS: '-1',
      LATCHKEY_LOG_LEVEL: 'loud',
      LATCHKEY_UPSTREAM_ALLOW_PRIVATE: 'yes',
    });
    assert.deepEqual(problems, [
      { key: 'LATCHKEY_PORT', given: '"65536"', wanted: 'a whole number from 0 to 65535' },
      { key: 'LATCHKEY_LEASE_MS', given: '"-1"', wanted: 'a whole number from 0 to 60000' },
      { key: 'LATCHKEY_UPSTREAM_ALLOW_PRIVATE', given: '"yes"', wanted: 'true or false' },
      {
        key: 'LATCHKEY_LOG_LEVEL',
        given: '"loud"',
        wanted: 'one of trace, debug, info, warn, error, fatal, silent',
      },
    ]);
  });

  const refused: [key: string, values: string[]][] = [
    ['LATCHKEY_PORT', ['http', '1.5', '4400 ', '0x10', '1e3', '99999999999999']],
    ['LATCHKEY_HOST', ['http://localhost', 'a b']],
    ['LATCHKEY_PUBLIC_URL', ['scim.example.com', 'ftp://x.example', 'https://x.example/path', 'https://u:p@x.example']],
    ['LATCHKEY_DATABASE_URL', ['file:', 'postgres://localhost/x', './data', 'mongodb://']],
    ['LATCHKEY_TRUSTED_PROXIES', ['localhost', '10.0.0.0/33', '10.0.0.1;10.0.0.2', '*']],
    ['LATCHKEY_LOG_VERIFICATIONS', ['2', '-0.1', '50%', '.5']],
    ['LATCHKEY_SQLITE_SYNCHRONOUS', ['off', 'FULL']],
    ['LATCHKEY_SECRET', ['short']],
    ['LATCHKEY_INITIAL_API_KEY', ['lk_short', `sk_${'x'.repeat(40)}`, `lk_${'x '.repeat(20)}`]],
    ['LATCHKEY_METRICS_TOKEN', ['short', 'with blanks in the middle']],
  ];
  for (const [key, values] of refused) {
    for (const value of values) {
      it(`refuses ${key}=${value}`, () => {
        assert.deepEqual(
          problemsOf({ [key]: value }).map((problem) => problem.key),
          [key],
        );
      });
    }
  }

  it('counts an empty value as not set, of a setting and of its file', () => {
    const config = readConfig({ LATCHKEY_PORT: '', LATCHKEY_SECRET: '', LATCHKEY_SECRET_FILE: '' }, noFile);
    assert.equal(config.LATCHKEY_PORT, 4400);
    assert.equal(config.LATCHKEY_SECRET, undefined);
  });

  describe('keys that are no setting', () => {
    it('are problems, with the setting that was probably meant', () => {
      const [problem] = problemsOf({ LATCHKEY_LEASE: '5' });
      assert.equal(problem?.key, 'LATCHKEY_LEASE');
      assert.equal(problem?.wanted, 'the name of a setting, perhaps LATCHKEY_LEASE_MS');
    });

    it('are problems without a hint where none is near', () => {
      assert.equal(problemsOf({ LATCHKEY_XYZ: '5' })[0]?.wanted, 'the name of a setting');
    });

    it('are problems when they name a file for what is no secret', () => {
      assert.equal(problemsOf({ LATCHKEY_PORT_FILE: '/run/port' })[0]?.key, 'LATCHKEY_PORT_FILE');
    });

    it('are problems by the names that every object has', () => {
      assert.equal(problemsOf({ LATCHKEY_constructor: '1' }).length, 1);
    });

    it('never have their value shown: it may be a misspelt secret', () => {
      assert.doesNotMatch(JSON.stringify(problemsOf({ LATCHKEY_SECRETS: SECRET })), /long enough/);
    });

    it('are left alone when they are of the tests or of others', () => {
      assert.deepEqual(problemsOf({ LATCHKEY_TEST_REQUIRE: 'all', PORT: 'x', LATCHKEYS: 'x', PATH: '/bin' }), []);
    });
  });

  describe('secrets', () => {
    it('may stand in a file, with a line end', () => {
      const read: string[] = [];
      const config = readConfig({ LATCHKEY_SECRET_FILE: '/run/secrets/latchkey' }, (path) => {
        read.push(path);
        return `${SECRET}\n`;
      });
      assert.equal(config.LATCHKEY_SECRET, SECRET);
      assert.deepEqual(read, ['/run/secrets/latchkey']);
    });

    it('may not be given both ways', () => {
      const problems = problemsOf({ LATCHKEY_SECRET: SECRET, LATCHKEY_SECRET_FILE: '/run/x' }, () => SECRET);
      assert.deepEqual(problems, [
        { key: 'LATCHKEY_SECRET', given: 'both LATCHKEY_SECRET and LATCHKEY_SECRET_FILE', wanted: 'one of the two' },
      ]);
    });

    it('whose file cannot be read are a problem that names the file', () => {
      assert.deepEqual(problemsOf({ LATCHKEY_METRICS_TOKEN_FILE: '/run/none' }), [
        { key: 'LATCHKEY_METRICS_TOKEN_FILE', given: '"/run/none"', wanted: 'the path of a readable file' },
      ]);
    });

    it('are never shown when they are of no use, wherever they came from', () => {
      const short = 'hunter2-hunter2';
      for (const env of [
        { LATCHKEY_SECRET: short },
        { LATCHKEY_METRICS_TOKEN: short },
        { LATCHKEY_INITIAL_API_KEY: short },
        { LATCHKEY_DATABASE_URL: `postgres://user:${short}@db/x` },
        { LATCHKEY_SECRET_FILE: '/run/x' },
      ]) {
        const problems = problemsOf(env, () => short);
        assert.equal(problems.length, 1);
        assert.equal(problems[0]?.given, 'a value (not shown)');
        assert.doesNotMatch(JSON.stringify(problems), /hunter2/);
      }
    });
  });

  describe('with MongoDB', () => {
    it('wants a secret, since there is no folder to make one in', () => {
      const problems = problemsOf({ LATCHKEY_DATABASE_URL: MONGODB });
      assert.equal(problems.length, 1);
      assert.equal(problems[0]?.key, 'LATCHKEY_SECRET');
      assert.equal(problems[0]?.given, 'nothing');
      assert.doesNotMatch(JSON.stringify(problems), /hunter2/);
    });

    it('accepts one', () => {
      const config = readConfig({ LATCHKEY_DATABASE_URL: MONGODB, LATCHKEY_SECRET: SECRET }, noFile);
      assert.equal(config.LATCHKEY_DATABASE_URL, MONGODB);
    });

    it('says once what is wrong with it', () => {
      assert.equal(problemsOf({ LATCHKEY_DATABASE_URL: MONGODB, LATCHKEY_SECRET: 'short' }).length, 1);
      assert.equal(problemsOf({ LATCHKEY_DATABASE_URL: MONGODB, LATCHKEY_SECRET_FILE: '/run/none' }).length, 1);
    });
  });
});
