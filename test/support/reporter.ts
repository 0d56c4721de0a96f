/**
 * What a test file tells the run about itself: a reporter of node's test runner that writes one JSON document a line, for `readReport`.
 * It formats errors in the process where they happened, so that nothing about them is lost on the way.
 */
import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { dirname, relative, resolve } from 'node:path';
import type { TestEvent } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';

export interface Report {
  passed: number;
  failed: number;
  skipped: number;
  failures: Failure[];
  /** Whether the file came to its end; a process that exits in the middle of its tests did not. */
  isComplete: boolean;
}

export interface Failure {
  /** Suites and test, from the outside in. */
  name: string;
  /** Message with its difference, then the lines of the stack that are ours. */
  error: string;
}

type Line = { result: 'passed' | 'failed' | 'skipped'; failure?: Failure } | { result: 'end' };

export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const path: string[] = [];
  for await (const event of events) {
    if (event.type === 'test:start') {
      path.length = event.data.nesting;
      path.push(event.data.name);
    }
    if (event.type !== 'test:pass' && event.type !== 'test:fail') continue;
    const { nesting, name, details, skip } = event.data;
    const isSuite = details.type === 'suite';
    if (event.type === 'test:fail') {
      const { error } = event.data.details;
      // A suite fails with its tests, which have told why; what it adds is the failure of a hook.
      if (isSuite && failureType(error) === 'subtestsFailed') continue;
      const failure = { name: [...path.slice(0, nesting), name].join(' › '), error: describe(error.cause ?? error) };
      yield line({ result: 'failed', failure });
    } else if (skip !== undefined) yield line({ result: 'skipped' });
    else if (!isSuite) yield line({ result: 'passed' });
  }
  yield line({ result: 'end' });
}

export function readReport(file: string): Report {
  const report: Report = { passed: 0, failed: 0, skipped: 0, failures: [], isComplete: false };
  for (const text of readFileSync(file, 'utf8').split('\n').filter(Boolean)) {
    const entry: Line = JSON.parse(text);
    if (entry.result === 'end') report.isComplete = true;
    else {
      report[entry.result] += 1;
      if (entry.failure) report.failures.push(entry.failure);
    }
  }
  return report;
}

function line(entry: Line): string {
  return `${JSON.stringify(entry)}\n`;
}

function failureType(error: Error): unknown {
  return 'failureType' in error ? error.failureType : undefined;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const frames = (error.stack ?? '')
    .split('\n')
    .filter((frame) => /^ +at .*\.js:\d/.test(frame) && !frame.includes('node_modules'))
    .map((frame) => frame.replace(/(file:[^:)]+):(\d+):(\d+)/, (_, ...place) => sourceOf(place)));
  const cause = error.cause === undefined ? [] : [`caused by ${describe(error.cause)}`];
  return [`${error.name}: ${error.message}`, ...frames, ...cause].join('\n');
}

/** Where a place in the build comes from. Node would map each stack on the way, and each start of a file would pay for it. */
function sourceOf([url, line, column]: string[]): string {
  const built = fileURLToPath(url ?? '');
  const map = new SourceMap(JSON.parse(readFileSync(`${built}.map`, 'utf8')));
  const entry = map.findEntry(Number(line) - 1, Number(column) - 1);
  if (!('originalSource' in entry)) return relative('.', built);
  const source = relative('.', resolve(dirname(built), entry.originalSource));
  return `${source}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
}
