/** The readable page of the admin API: the OpenAPI document as one plain page, without a script. */
import { createHash } from 'node:crypto';
import { renderToString } from 'preact-render-to-string';

type Json = Record<string, unknown>;

interface Described {
  tags: string[];
  summary: string;
  description: string;
  operationId: string;
  parameters: { name: string; in: string; required: boolean; description?: string; schema: Json }[];
  requestBody?: { content: Record<string, { schema: Json }> };
  responses: Record<string, { description: string; content?: Record<string, { schema: Json }> }>;
}

const STYLE = `
:root{color-scheme:light dark;--paper:light-dark(#f7f7f5,#121416);--card:light-dark(#fff,#1a1d20);--well:light-dark(#f1f1ee,#15181a);--ink:light-dark(#1b1f23,#e9eaec);--soft:light-dark(#5d656e,#9aa3ad);--line:light-dark(#e2e2dd,#2b3035);--accent:light-dark(#0f6b5c,#4fd1b5);--bad:light-dark(#b3261e,#ff8a80)}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.55 Inter,system-ui,sans-serif}
main{max-width:1080px;margin:0 auto;padding:24px 16px 64px;display:grid;grid-template-columns:220px minmax(0,1fr);gap:40px}
nav{position:sticky;top:24px;align-self:start;max-height:calc(100vh - 48px);overflow:auto;font-size:14px}nav ul{list-style:none;padding:0;margin:4px 0 16px}nav a{color:var(--soft);text-decoration:none;display:block;padding:2px 0}nav a:hover{color:var(--ink)}
h1{font-size:26px;letter-spacing:-.02em;margin:0 0 8px}h2{font-size:19px;margin:40px 0 12px}h3{font-size:16px;margin:0}
article{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:20px;margin:0 0 16px;display:grid;gap:12px}
code,pre{font-family:"JetBrains Mono",ui-monospace,monospace;font-size:13px}code{overflow-wrap:anywhere}.method{color:var(--accent);font-weight:600}
p{margin:0}.soft,small{color:var(--soft)}table{width:100%;border-collapse:collapse;font-size:14px}td{padding:6px 12px 6px 0;vertical-align:top;border-top:1px solid var(--line)}td:first-child{white-space:nowrap;width:1%}
details{background:var(--well);border-radius:8px;padding:8px 12px}summary{cursor:pointer;font-size:14px}
.s4{color:var(--bad)}a:focus-visible,summary:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
@media(max-width:760px){main{grid-template-columns:minmax(0,1fr);gap:16px}nav{position:static;max-height:none}article{padding:16px}tr,td{display:block}td+td{border-top:0;padding-top:0}td:first-child{white-space:normal;width:auto;padding-bottom:0}}
`;

export interface Reference {
  html: string;
  contentSecurityPolicy: string;
}

export function renderReference(document: Json): Reference {
  const { info, paths, components, tags } = document as unknown as {
    info: { title: string; version: string; description: string };
    paths: Record<string, Record<string, Described>>;
    components: { schemas: Record<string, Json> };
    tags: { name: string }[];
  };
  const all = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, described]) => ({ path, method, described })),
  );
  const body = renderToString(
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>{info.title}</title>
        <style dangerouslySetInnerHTML={{ __html: STYLE }} />
      </head>
      <body>
        <main>
          <nav aria-label="Operations">
            {tags.map(({ name }) => (
              <>
                <strong>{name}</strong>
                <ul>
                  {all
                    .filter(({ described }) => described.tags.includes(name))
                    .map(({ described }) => (
                      <li>
                        <a href={`#${described.operationId}`}>{described.summary}</a>
                      </li>
                    ))}
                </ul>
              </>
            ))}
          </nav>
          <div>
            <h1>{info.title}</h1>
            <p class="soft">
              Version {info.version}. <a href="/api/openapi.json">openapi.json</a>
            </p>
            <p>{plain(info.description)}</p>
            {tags.map(({ name }) => (
              <section>
                <h2>{name}</h2>
                {all
                  .filter(({ described }) => described.tags.includes(name))
                  .map((entry) => (
                    <Entry {...entry} schemas={components.schemas} />
                  ))}
              </section>
            ))}
          </div>
        </main>
      </body>
    </html>,
  );
  const digest = createHash('sha256').update(STYLE).digest('base64');
  return {
    html: `<!doctype html>${body}`,
    contentSecurityPolicy: `default-src 'none'; style-src 'sha256-${digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  };
}

function Entry({
  path,
  method,
  described,
  schemas,
}: {
  path: string;
  method: string;
  described: Described;
  schemas: Record<string, Json>;
}) {
  const { summary, description, operationId, parameters, requestBody, responses } = described;
  const given = requestBody?.content['application/json']?.schema;
  return (
    <article id={operationId}>
      <h3>{summary}</h3>
      <code>
        <span class="method">{method.toUpperCase()}</span> {path}
      </code>
      <p>{plain(description)}</p>
      {parameters.length > 0 && (
        <Fields
          rows={parameters.map((parameter) => ({ ...parameter, note: parameter.in, schema: parameter.schema }))}
          title="Parameters"
          schemas={schemas}
        />
      )}
      {given && <Fields rows={rowsOf(given, schemas)} title="Body" schemas={schemas} />}
      {Object.entries(responses).map(([status, { description: meaning, content }]) => {
        const answer = content?.['application/json']?.schema;
        return (
          <details>
            <summary>
              <span class={Number(status) >= 400 ? 's4' : 'method'}>{status}</span>{' '}
              {plain(meaning.split('\n')[0] ?? '')}
            </summary>
            {Number(status) >= 400
              ? meaning.split('\n\n').map((line) => <p>{plain(line)}</p>)
              : answer && <Fields rows={rowsOf(answer, schemas)} title="" schemas={schemas} />}
          </details>
        );
      })}
    </article>
  );
}

interface Row {
  name: string;
  required: boolean;
  note?: string;
  description?: string;
  schema: Json;
}

function Fields({ rows, title, schemas }: { rows: Row[]; title: string; schemas: Record<string, Json> }) {
  return (
    <div>
      {title !== '' && <small>{title}</small>}
      <table>
        <tbody>
          {rows.map(({ name, required, note, description, schema }) => (
            <tr>
              <td>
                <code>{name}</code>
              </td>
              <td>
                <small>{[note, typeOf(schema, schemas), required ? 'required' : ''].filter(Boolean).join(', ')}</small>
                {description !== undefined && <div>{plain(description)}</div>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function resolve(schema: Json, schemas: Record<string, Json>): Json {
  const reference = schema['$ref'];
  return typeof reference === 'string' ? (schemas[reference.split('/').at(-1) ?? ''] ?? schema) : schema;
}

function rowsOf(schema: Json, schemas: Record<string, Json>): Row[] {
  const { properties = {}, required = [] } = resolve(schema, schemas) as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, field]) => ({
    name,
    required: required.includes(name),
    ...(typeof field['description'] === 'string' && { description: field['description'] }),
    schema: field,
  }));
}

function typeOf(schema: Json, schemas: Record<string, Json>): string {
  const reference = schema['$ref'];
  if (typeof reference === 'string') return reference.split('/').at(-1) ?? '';
  const choices = schema['enum'];
  if (Array.isArray(choices))
    return choices.length > 12 ? 'string' : choices.map((choice) => JSON.stringify(choice)).join(' | ');
  const options = schema['anyOf'];
  if (Array.isArray(options)) return options.map((option) => typeOf(option as Json, schemas)).join(' | ');
  if (schema['type'] === 'array') return `list of ${typeOf((schema['items'] ?? {}) as Json, schemas)}`;
  const format = schema['format'];
  return [schema['type'], typeof format === 'string' ? `(${format})` : ''].filter(Boolean).join(' ');
}

/** Descriptions are written for OpenAPI, where backticks mean code. */
function plain(text: string) {
  return text.split('`').map((part, index) => (index % 2 === 1 ? <code>{part}</code> : part));
}
