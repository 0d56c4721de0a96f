/**
 * Reports what the SCIM server answered to accepted requests, so that Latchkey's pages say whether provisioning works. A report has the
 * directory, the kind of request and the status: no body, filter or name. It is lost where Latchkey can't be reached.
 */

interface Outcome {
  directoryId: string;
  kind: 'look_up' | 'create' | 'update' | 'delete' | 'group' | 'discovery';
  status: number;
  collection: boolean;
}

export type ReportOutcome = (directoryId: string, method: string, path: string, status: number) => void;

/** What one report may hold; more answers than these within one wait are not told. */
const MOST_OUTCOMES = 1000;
const WAIT_MS = 5000;
const TIMEOUT_MS = 6000;
const RESOURCE = /\/(Users|Groups|ServiceProviderConfigs?|ResourceTypes|Schemas|\.search)(\/[^?]*)?$/i;

export function createReports(options: { url: string; apiKey: string; reportAfterMs?: number }): ReportOutcome {
  const { url, apiKey, reportAfterMs = WAIT_MS } = options;
  let waiting: Outcome[] = [];

  function send(): void {
    const outcomes = waiting;
    waiting = [];
    fetch(`${url}/api/v1/outcomes`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ outcomes }),
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
      .then((response) => response.arrayBuffer())
      .catch(() => undefined);
  }

  return (directoryId, method, path, status) => {
    if (status < 100 || status > 599 || waiting.length >= MOST_OUTCOMES) return;
    if (waiting.length === 0) setTimeout(send, reportAfterMs).unref();
    waiting.push({ directoryId, status, ...classOf(method, path) });
  };
}

function classOf(method: string, path: string): Pick<Outcome, 'kind' | 'collection'> {
  const [, type = '', rest = ''] = RESOURCE.exec(path) ?? [];
  const isSearch = path.endsWith('/.search');
  const collection = /^(?:Users|Groups|\.search)$/i.test(type) && (rest === '' || rest === '/' || isSearch);
  if (/^groups$/i.test(type)) return { kind: 'group', collection };
  if (/^(?:Service|Resource|Schemas)/i.test(type)) return { kind: 'discovery', collection };
  if (method === 'POST') return { kind: isSearch ? 'look_up' : 'create', collection };
  if (method === 'PUT' || method === 'PATCH') return { kind: 'update', collection };
  return { kind: method === 'DELETE' ? 'delete' : 'look_up', collection };
}
