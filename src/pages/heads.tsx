/** What stands around the content of a page: where it is, its title, the way to older ones; and a secret in its one moment. */

import type { ComponentChildren } from 'preact';

import { CopyField, Go, Tag } from './parts.tsx';
import type { Visit } from './visit.tsx';

export function Head(props: {
  trail?: readonly (readonly [path: string, name: string])[];
  title: string;
  children?: ComponentChildren;
}) {
  const { trail = [], title, children } = props;
  return (
    <div class="head">
      <div>
        {trail.length > 0 && (
          <nav class="crumbs" aria-label="Breadcrumb">
            {trail.map(([path, name]) => (
              <>
                <a href={path}>{name}</a>
                <span aria-hidden="true">/</span>
              </>
            ))}
          </nav>
        )}
        <h1>{title}</h1>
      </div>
      {children !== undefined && <div class="acts">{children}</div>}
    </div>
  );
}

/** The way to the next page of a list. */
export function More({ visit, cursor }: { visit: Visit; cursor: string | null }) {
  const isFirst = !visit.query.has('after');
  if (cursor === null && isFirst) return null;
  const [newest, older] = [new URLSearchParams(visit.query), new URLSearchParams(visit.query)];
  newest.delete('after');
  if (cursor !== null) older.set('after', cursor);
  return (
    <div class="acts">
      {!isFirst && <Go href={`?${newest}`} name="Newest" />}
      {cursor !== null && <Go href={`?${older}`} name="Older" />}
    </div>
  );
}

/** A secret, in the one moment in which it is there. */
export function CopyOnce(props: { title: string; label: string; value: string; children: ComponentChildren }) {
  return (
    <section class="panel reveal">
      <div class="head">
        <h2>{props.title}</h2>
        <Tag tone="warn">shown once</Tag>
      </div>
      <CopyField label={props.label} value={props.value} isPrimary />
      <small>{props.children}</small>
    </section>
  );
}
