/** What Prometheus and Grafana make of /metrics, with the real promtool and a real Prometheus. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, it, test } from 'node:test';
import { parse } from 'yaml';
import { DENIAL_REASONS } from '../../src/verification/index.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { freePort } from '../support/mongo-server.ts';
import { findCommand, hasPart, missingParts } from '../support/parts.ts';

const ALERTS = 'config/prometheus/alerts.yaml';
const START_MS = 60_000;
const skip = !hasPart('prometheus') && missingParts(['prometheus']).join();

interface Alert {
  alert: string;
  expr: string;
  annotations: { summary: string };
}

const alerts = (parse(readFileSync(ALERTS, 'utf8')) as { groups: { rules: Alert[] }[] }).groups.flatMap(
  ({ rules }) => rules,
);
const dashboard = JSON.parse(readFileSync('config/grafana/latchkey.json', 'utf8')) as {
  panels: { title: string; targets?: { expr: string }[] }[];
};
const queries = dashboard.panels.flatMap(({ targets = [] }) =>
  targets.map(({ expr }) => expr.replaceAll('$__rate_interval', '1m').replaceAll('$job', 'latchkey')),
);

async function scraped(app: TestApp): Promise<string> {
  return (await fetch(`${app.url}/metrics`)).text();
}

function promtool(args: string[], input = ''): string {
  const { stdout, stderr, status } = spawnSync('promtool', args, { input, encoding: 'utf8' });
  return status === 0 ? stderr : `exit ${status}: ${stdout}${stderr}`;
}

describe('metrics', () => {
  it('have each series of a closed set at 0 before anything happened', async (t) => {
    const app = await startApp();
    t.after(app.close);
    const text = await scraped(app);
    for (const surface of ['gateway', 'forward_auth', 'introspection'])
      for (const outcome of ['allowed', 'unavailable', ...Object.keys(DENIAL_REASONS)])
        assert.ok(
          text.includes(`latchkey_verifications_total{surface="${surface}",outcome="${outcome}"} 0\n`),
          outcome,
        );
    for (const series of [
      'latchkey_gateway_responses_total{class="5xx"}',
      'latchkey_upstream_outcomes_total{kind="look_up",outcome="refuses_us"}',
      'latchkey_unreadable_requests_total{reason="timed_out"}',
      'latchkey_token_responses_total{outcome="unavailable"}',
      'latchkey_admin_responses_total{class="5xx"}',
      'latchkey_page_responses_total{surface="authorization",class="5xx"}',
      'latchkey_sign_ins_total{outcome="refused"}',
      'latchkey_deliveries_total{target="mail",outcome="failed"}',
      'latchkey_storage_operations_total{collection="credentials",result="error"}',
      'latchkey_storage_seconds_count{operation="prune"}',
      'latchkey_credentials{state="revoked"}',
    ])
      assert.ok(text.includes(`\n${series} 0\n`), series);
    assert.match(text, /^latchkey_build_info\{version="0\.0\.0-test"\} 1$/m);
  });

  it('tell of the store in at most 200 series', async (t) => {
    const app = await startApp();
    t.after(app.close);
    const series = (await scraped(app)).match(/^latchkey_storage_/gm) ?? [];
    assert.ok(series.length > 50 && series.length <= 200, `${series.length} series`);
  });

  it('count answers of the token endpoint, the API and the pages, and sign-ins', async (t) => {
    const app = await startApp();
    t.after(app.close);
    const form = { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' } };
    await fetch(`${app.url}/oauth/token`, { ...form, body: 'grant_type=client_credentials' });
    await fetch(`${app.url}/oauth/token`);
    await app.api.get('/organizations');
    await app.api.get('/organizations/org_none');
    await fetch(`${app.url}/dashboard/sign-in`);
    await fetch(`${app.url}/oauth/authorize`);
    await app.app.operators.signIn(
      { email: 'ada@vendor.example', password: 'wrong' },
      { address: '192.0.2.1', userAgent: undefined, requestId: 'req_1' },
    );
    const { secret } = (await app.app.operators.ensureFirst()) ?? { secret: '' };
    await app.app.operators.enter(secret, 'a browser', {
      address: '192.0.2.1',
      userAgent: undefined,
      requestId: 'req_2',
    });
    const text = await scraped(app);
    for (const line of [
      'latchkey_token_responses_total{outcome="invalid_client"} 1',
      'latchkey_token_responses_total{outcome="invalid_request"} 1',
      'latchkey_admin_responses_total{class="2xx"} 1',
      'latchkey_admin_responses_total{class="4xx"} 1',
      'latchkey_page_responses_total{surface="dashboard",class="2xx"} 1',
      'latchkey_page_responses_total{surface="authorization",class="4xx"} 1',
      'latchkey_sign_ins_total{outcome="refused"} 1',
      'latchkey_sign_ins_total{outcome="accepted"} 1',
    ])
      assert.ok(text.includes(`\n${line}\n`), line);
  });

  it('pass the linter of Prometheus', { skip }, async (t) => {
    const app = await startApp();
    t.after(app.close);
    assert.equal(promtool(['check', 'metrics'], await scraped(app)), '');
  });
});

test('each alert is silent before its failure and fires after it', { skip }, (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-alerts-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  copyFileSync(ALERTS, join(folder, 'alerts.yaml'));
  copyFileSync('test/operations/alerts.test.yaml', join(folder, 'alerts.test.yaml'));
  const tested = (
    parse(readFileSync('test/operations/alerts.test.yaml', 'utf8')) as { tests: { name: string }[] }
  ).tests.map(({ name }) => name);
  assert.deepEqual(
    tested,
    alerts.map(({ alert }) => alert),
  );
  assert.equal(promtool(['test', 'rules', join(folder, 'alerts.test.yaml')]), '');
});

test('the guide shows each alert with its expression and its meaning, and no other expression', () => {
  const guide = readFileSync('docs/guides/operations.md', 'utf8');
  const rows = [...guide.matchAll(/^\| `(Latchkey\w+)` \| `(.+)` \| (.+) \|$/gm)].map(
    ([, alert, expr = '', summary]) => ({ alert, expr: expr.replaceAll('\\|', '|'), summary }),
  );
  assert.deepEqual(
    rows,
    alerts.map(({ alert, expr, annotations: { summary } }) => ({ alert, expr, summary })),
  );
  const expressions = alerts.map(({ expr }) => expr);
  for (const page of ['README.md', 'docs/guides/operations.md']) {
    const written = [...readFileSync(page, 'utf8').matchAll(/`([^`\n]*(?:rate|increase)\([^)`\n][^`\n]*)`/g)];
    for (const [, expr = ''] of written) assert.ok(expressions.includes(expr.replaceAll('\\|', '|')), expr);
  }
});

test('Prometheus evaluates every alert, and every query of the dashboard finds series', { skip }, async (t) => {
  const app = await startApp();
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-prometheus-'));
  const listen = `127.0.0.1:${await freePort()}`;
  writeFileSync(
    join(folder, 'prometheus.yaml'),
    `global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [${resolve(ALERTS)}]
scrape_configs:
  - { job_name: latchkey, static_configs: [{ targets: ['${new URL(app.url).host}'] }] }
`,
  );
  const prometheus = spawn(findCommand('prometheus') ?? '', [
    `--config.file=${folder}/prometheus.yaml`,
    `--storage.tsdb.path=${folder}/data`,
    `--web.listen-address=${listen}`,
    '--log.level=error',
  ]);
  const ended = new Promise((done) => prometheus.once('exit', done));
  t.after(async () => {
    prometheus.kill();
    await ended;
    rmSync(folder, { recursive: true, force: true });
    await app.close();
  });
  const isUp = async () => {
    const answer = await fetch(`http://${listen}/-/ready`).catch(() => undefined);
    return answer?.ok && (await query('sum(rate(latchkey_verifications_total[1m]))')).length > 0;
  };
  async function query(expr: string): Promise<unknown[]> {
    const answer = await fetch(`http://${listen}/api/v1/query?query=${encodeURIComponent(expr)}`);
    const body = (await answer.json()) as { status: string; error?: string; data?: { result: unknown[] } };
    assert.equal(body.status, 'success', `${expr}: ${body.error}`);
    return body.data?.result ?? [];
  }
  for (const end = performance.now() + START_MS; !(await isUp()); ) {
    assert.ok(performance.now() < end, 'Prometheus did not scrape in time');
    await new Promise((done) => setTimeout(done, 250));
  }

  assert.ok(queries.length > 20);
  for (const expr of queries) assert.ok((await query(expr)).length > 0, `nothing is found by ${expr}`);
  // What an alert compares must be there too, or it could never fire.
  for (const { alert, expr } of alerts)
    assert.ok((await query(expr.replace(/ (?:==|>) [\d.]+$/, ''))).length > 0, `nothing is found by ${alert}`);
  const answer = (await (await fetch(`http://${listen}/api/v1/rules`)).json()) as {
    data: { groups: { rules: { name: string; health: string; lastError?: string }[] }[] };
  };
  for (const { name, health, lastError } of answer.data.groups.flatMap(({ rules }) => rules))
    assert.notEqual(health, 'err', `${name}: ${lastError}`);
});
