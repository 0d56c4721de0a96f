/** What pages list: rows, tables, facts, tabs; each with what stands in its place while there is nothing. */
import type { ComponentChildren } from 'preact';
import type { Page } from '../storage/index.ts';
import { Below, Go } from './parts.tsx';
import { Time } from './times.tsx';
import { useVisit } from './visit.tsx';

/** The panel of a list, with a bar above where it has a title. */
interface Around {
  title?: ComponentChildren;
  /** At the other end of the bar. */
  aside?: ComponentChildren;
  id?: string;
  class?: string;
  label?: string;
  children?: ComponentChildren;
}

interface Listing<T> extends Around {
  /** All items, or a page of them; the ways to other pages then follow. */
  of: readonly T[] | Page<T>;
  /** What is said while there are none: in the only row, or with a title in a panel of its own. */
  none?: None | undefined;
}

type None = string | readonly [title: string, text: string];

/** A list as a panel. `children`: what stands above its rows. */
export function List<T>({ row, children, ...listing }: Listing<T> & { row: (item: T) => ComponentChildren }) {
  return (
    <InPanel
      {...listing}
      draw={(items) => (
        <>
          {children}
          <Rows items={items} none={listing.none} row={row} />
        </>
      )}
    />
  );
}

/** A table as a panel. `children`: what stands below it. */
export function TableList<T>({ columns, children, ...listing }: Listing<T> & { columns: Columns<T> }) {
  return (
    <InPanel
      {...listing}
      draw={(items) => (
        <>
          {items.length > 0 ? (
            <div class="scroll">
              <Table columns={columns} items={items} />
            </div>
          ) : (
            listing.none && <Rows items={items} none={listing.none} row={() => null} />
          )}
          {children}
        </>
      )}
    />
  );
}

function InPanel<T>({ of, none, draw, ...around }: Listing<T> & { draw: (items: readonly T[]) => ComponentChildren }) {
  const items = 'items' in of ? of.items : of;
  const isAbsent = items.length === 0 && around.title === undefined && typeof none !== 'string';
  return (
    <>
      {isAbsent ? none && <Empty title={none[0]} text={none[1]} /> : <Listed {...around}>{draw(items)}</Listed>}
      {'items' in of && <More cursor={of.nextCursor} />}
    </>
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

/** A panel for a list that is drawn otherwise. */
export function Listed({ title, aside, id, label, children, ...look }: Around) {
  return (
    <section class={look.class === undefined ? 'panel list' : `panel list ${look.class}`} id={id} aria-label={label}>
      {title !== undefined && (
        <div class="bar">
          {typeof title === 'string' ? <h2>{title}</h2> : title}
          {aside}
        </div>
      )}
      {children}
    </section>
  );
}

/** The rows of a list within a panel; while there are none, one that says so. */
export function Rows<T>(props: { items: readonly T[]; none?: None | undefined; row: (item: T) => ComponentChildren }) {
  const { items, none, row } = props;
  return (
    <ul class="rows">
      {items.length === 0 && none !== undefined && (
        <li>
          <small>{none}</small>
        </li>
      )}
      {items.map(row)}
    </ul>
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
  /** Below it all. */
  more?: ComponentChildren;
  /** When it was, at its end. */
  at?: Date;
  /** What can be done with it, or what else is known of it. */
  children?: ComponentChildren;
}) {
  const { name, href, marks, text, icon, more, at, children } = props;
  const named = href === undefined ? name : <a href={href}>{name}</a>;
  return (
    <li>
      {icon}
      <div class="what">
        {marks === undefined ? (
          named
        ) : (
          <span>
            {named} {marks}
          </span>
        )}
        {text !== undefined && <small>{text}</small>}
        {more}
      </div>
      {children}
      {at && (
        <small>
          <Time at={at} />
        </small>
      )}
    </li>
  );
}

/** The ways to the newest and the next page of a list. */
function More({ cursor }: { cursor: string | null }) {
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
  /** A second line, smaller. */
  below?: (item: T) => ComponentChildren;
}

/** A column that is false is left out. */
type Columns<T> = readonly (Column<T> | false)[];

/** A table that becomes a list of labelled values where it is narrow. */
export function Table<T>({ columns, items }: { columns: Columns<T>; items: readonly T[] }) {
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
            {shown.map(({ name, title, cell, below, ...column }) => (
              <td class={column.class} data-label={name} title={title?.(item)}>
                {/* One part beside the label where it is narrow, whatever the text is made of. */}
                <div>
                  {cell(item)}
                  <Below>{below?.(item)}</Below>
                </div>
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
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
