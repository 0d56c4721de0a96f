/** What the pages of the set-up have around them: the steps, and the way on. */

import type { ComponentChildren } from 'preact';
import type { Directory } from '../directories/index.ts';
import { WAYS } from './check.tsx';
import { Go, Steps } from './parts.tsx';
import { type Shown, trailTo, type Visit } from './visit.tsx';

/** `current` counts from 0. */
export function framed(visit: Visit, directory: Directory, current: number, children: ComponentChildren): Shown {
  return {
    title: `Set up ${directory.name}`,
    trail: trailTo(visit, directory),
    children: (
      <Steps names={WAYS.setup} current={current}>
        {children}
      </Steps>
    ),
  };
}

export function Onward({ address, isMain = false }: { address: string; isMain?: boolean }) {
  return (
    <div class="acts">
      <Go href={`${address}/check`} name="Check the connection" tone={isMain ? 'primary' : undefined} />
      <Go href={`${address}/setup/access`} name="Back" tone="quiet" />
    </div>
  );
}
