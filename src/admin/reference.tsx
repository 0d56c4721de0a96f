/** The readable page of the admin API: the OpenAPI document in the frame of all pages. */
import { Head, renderPage } from '../pages/index.ts';

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

export function renderReference(document: Json): string {
  const { info, paths, components, tags } = document as unknown as {
    info: { title: string; version: string; description: string };
    paths: Record<string, Record<string, Described>>;
    components: { schemas: Record<string, Json> };
    tags: { name: string }[];
  };
  const all = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, described]) => ({ path, method, described })),
  );
  return renderPage({
    title: info.title,
    isWide: true,
    aside: <a href="/dashboard">Dashboard</a>,
    children: (
      <>
        <Head title={info.title}>
          <a class="btn" href="/api/openapi.json">
            openapi.json
          </a>
        </Head>
        <p>{plain(info.description)}</p>
        <div class="reference">
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
          <div class="detail blocks">
            {tags.map(({ name }) => (
              <section class="detail">
                <h2>{name}</h2>
                {all
                  .filter(({ described }) => described.tags.includes(name))
                  .map((entry) => (
                    <Entry {...entry} schemas={components.schemas} />
                  ))}
              </section>
            ))}
            <small>Version {info.version}</small>
          </div>
        </div>
      </>
    ),
  });
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
    <article id={operationId} class="panel">
      <h3>{summary}</h3>
      <code>
        <b class="ok">{method.toUpperCase()}</b> {path}
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
          <details class="well">
            <summary>
              <b class={Number(status) >= 400 ? 'bad' : 'ok'}>{status}</b> {plain(meaning.split('\n')[0] ?? '')}
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
