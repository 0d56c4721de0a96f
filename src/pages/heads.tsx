/** What stands around the content of a page: where it is and its title; and a secret in its one moment. */

import type { ComponentChildren } from 'preact';

import { CopyField, Go, Tag } from './parts.tsx';
import type { Shown, Trail } from './visit.tsx';

export function Head(props: { trail?: Trail; title: string; children?: ComponentChildren }) {
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

/** A secret, in the one moment in which it is there. */
export function CopyOnce(props: { title: string; label: string; value: string; children: ComponentChildren }) {
  return (
    <OnceOnly title={props.title}>
      <CopyField label={props.label} value={props.value} isPrimary />
      <small>{props.children}</small>
    </OnceOnly>
  );
}

/** What is shown this once. */
export function OnceOnly({ title, children }: { title: ComponentChildren; children: ComponentChildren }) {
  return (
    <section class="panel reveal">
      <div class="head">
        <h2>{title}</h2>
        <Tag tone="warn">shown once</Tag>
      </div>
      {children}
    </section>
  );
}

/** A page for a secret alone. `done`: what its reader says who has it, and goes on where that leads. */
export function oncePage(
  { title, trail, done, back }: { title: string; trail: Trail; done: string; back: string },
  secret: ComponentChildren,
): Shown {
  return {
    title,
    trail,
    children: (
      <>
        {secret}
        <div class="acts">
          <Go href={back} name={done} tone="primary" />
        </div>
      </>
    ),
  };
}
