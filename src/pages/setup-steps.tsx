/** What the pages of the set-up have around them: the steps, and the way on. */

import type { ComponentChildren } from 'preact';
import type { Directory } from '../directories/index.ts';
import { WAYS } from './check.tsx';

import { Head } from './heads.tsx';
import { Go, Steps } from './parts.tsx';
import type { Shown, Visit } from './visit.tsx';

export function addressOf(visit: Visit, { id }: Directory): string {
  return `${visit.home}/directories/${id}`;
}

/** `current` counts from 0. */
export function framed(visit: Visit, directory: Directory, current: number, children: ComponentChildren): Shown {
  const title = `Set up ${directory.name}`;
  return {
    title,
    place: 'organizations',
    children: (
      <>
        <Head trail={[...(visit.trail ?? []), [addressOf(visit, directory), directory.name]]} title={title} />
        <Steps names={WAYS.setup} current={current}>
          {children}
        </Steps>
      </>
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
