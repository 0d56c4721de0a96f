/** What pages list: rows, tables, facts, tabs; each with what stands in its place while there is nothing. */
import type { ComponentChildren } from 'preact';
import { Go } from './parts.tsx';
import { useVisit } from './visit.tsx';

/** A list as a panel of its own; while it is empty, `none` says what will stand there. */
export function List<T>(props: {
  items: readonly T[];
  none: readonly [title: string, text: string];
  row: (item: T) => ComponentChildren;
}) {
  const { items, none, row } = props;
  if (items.length === 0) return <Empty title={none[0]} text={none[1]} />;
  return (
    <section class="panel list">
      <ul class="rows">{items.map(row)}</ul>
    </section>
  );
}

function Empty({ title, text }: { title: string; text: string }) {
  return (
    <section class="panel empty">
      <h2>{title}</h2>
      <p class="soft">{text}</p>
    </section>
  );
}

/** A panel with a bar above a list. `aside`: what stands at the other end of the bar. */
export function Listed(props: {
  title: string;
  aside?: ComponentChildren;
  id?: string;
  class?: string;
  label?: string;
  children: ComponentChildren;
}) {
  const { title, aside, id, label, children } = props;
  return (
    <section class={`panel list${props.class === undefined ? '' : ` ${props.class}`}`} id={id} aria-label={label}>
      <div class="bar">
        <h2>{title}</h2>
        {aside}
      </div>
      {children}
    </section>
  );
}

/** The rows of a list within a panel; while there are none, one that says so. */
export function Rows<T>(props: { items: readonly T[]; none: string; row: (item: T) => ComponentChildren }) {
  const { items, none, row } = props;
  return (
    <ul class="rows">
      {items.length === 0 && <Nothing text={none} />}
      {items.map(row)}
    </ul>
  );
}

/** The row that stands for none. */
export function Nothing({ text }: { text: string }) {
  return (
    <li>
      <small>{text}</small>
    </li>
  );
}

/** One of a list: its name, which may lead to its page, what marks it, and a line about it. */
export function Row(props: {
  name: ComponentChildren;
  href?: string | undefined;
  /** Beside the name. */
  marks?: ComponentChildren;
  /** Below the name. */
  text?: ComponentChildren;
  /** Before it all. */
  icon?: ComponentChildren;
  /** What can be done with it, or what else is known of it. */
  children?: ComponentChildren;
}) {
  const { name, href, marks, text, icon, children } = props;
  const named = href === undefined ? name : <a href={href}>{name}</a>;
  return (
    <li>
      {icon}
      <span class="what">
        {marks === undefined ? (
          named
        ) : (
          <span>
            {named} {marks}
          </span>
        )}
        {text !== undefined && <small>{text}</small>}
      </span>
      {children}
    </li>
  );
}

/** The way to the next page of a list. */
export function More({ cursor }: { cursor: string | null }) {
  const { query } = useVisit();
  const isFirst = !query.has('after');
  if (cursor === null && isFirst) return null;
  const [newest, older] = [new URLSearchParams(query), new URLSearchParams(query)];
  newest.delete('after');
  if (cursor !== null) older.set('after', cursor);
  return (
    <div class="acts">
      {!isFirst && <Go href={`?${newest}`} name="Newest" />}
      {cursor !== null && <Go href={`?${older}`} name="Older" />}
    </div>
  );
}

export interface Column<T> {
  name: string;
  class?: string;
  /** What a cell says on hover. */
  title?: (item: T) => string;
  cell: (item: T) => ComponentChildren;
}

/** A table that becomes a list of labelled values where it is narrow. A column that is false is left out. */
export function Table<T>({ columns, items }: { columns: readonly (Column<T> | false)[]; items: readonly T[] }) {
  const shown = columns.filter((column) => column !== false);
  return (
    <table class="stacked">
      <thead>
        <tr>
          {shown.map(({ name }) => (
            <th>{name}</th>
          ))}
        </tr>
      </thead>
      <tbody>
        {items.map((item) => (
          <tr>
            {shown.map(({ name, title, cell, ...column }) => (
              <td class={column.class} data-label={name} title={title?.(item)}>
                {/* One part beside the label where it is narrow, whatever the text is made of. */}
                <div>{cell(item)}</div>
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** A table as a panel of its own; while it is empty, `none` says what will stand there. */
export function TableList<T>(props: {
  columns: readonly (Column<T> | false)[];
  items: readonly T[];
  none?: readonly [title: string, text: string];
}) {
  const { columns, items, none } = props;
  if (items.length === 0) return none ? <Empty title={none[0]} text={none[1]} /> : null;
  return (
    <section class="panel list">
      <div class="scroll">
        <Table columns={columns} items={items} />
      </div>
    </section>
  );
}

/** Names and values. What is false or undefined is left out. */
export type DetailList = readonly (
  | readonly [name: string, value: ComponentChildren, look?: 'mono']
  | false
  | undefined
)[];

export function Details({ of }: { of: DetailList }) {
  return (
    <dl>
      {of.map(
        (fact) =>
          fact && (
            <>
              <dt>{fact[0]}</dt>
              <dd class={fact[2]}>{fact[1]}</dd>
            </>
          ),
      )}
    </dl>
  );
}

/** Views of one thing, side by side. `is`: what the current one is to the page. */
export function Tabs(props: {
  label: string;
  tabs: readonly (readonly [href: string, name: string])[];
  current: string;
  is?: 'page' | 'true';
}) {
  const { label, tabs, current, is = 'true' } = props;
  return (
    <nav class="acts" aria-label={label}>
      {tabs.map(([href, name]) => (
        <a class={href === current ? 'btn' : 'btn quiet'} aria-current={href === current ? is : undefined} href={href}>
          {name}
        </a>
      ))}
    </nav>
  );
}

/** What the things are called that items name by an attribute, by ID; what is gone is left out. */
export async function namesOf<K extends string>(
  items: readonly { readonly [P in K]?: string | undefined }[],
  attribute: K,
  find: (id: string) => Promise<{ name: string } | undefined>,
): Promise<Map<string, string>> {
  const ids = new Set(items.map((item) => item[attribute]).filter((id) => id !== undefined));
  const found = await Promise.all([...ids].map(async (id) => [id, (await find(id))?.name] as const));
  return new Map(found.flatMap(([id, name]) => (name === undefined ? [] : [[id, name] as const])));
}
