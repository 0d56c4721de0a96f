/** Where the address in a refusal leads: the same page for everybody, and from there to the directory for those who may see it. */

import type { Diagnoses } from '../diagnosis/index.ts';
import { AppError } from '../errors.ts';
import { inAddress } from '../http/plain-text.ts';
import { Go } from './parts.tsx';

import type { OpenRoute, Route, Visit } from './visit.tsx';

/** Nothing is looked up for it, so a person who tries codes learns nothing from its words or its time. */
export const whyPage: OpenRoute = {
  path: '/why/:code',
  async get({ params }) {
    const code = inAddress(params['code'] ?? '', 20);
    return {
      title: 'Why a request was refused',
      isNarrow: true,
      children: (
        <>
          <h1>Why a request was refused</h1>
          <p class="soft">
            This URL comes from a refused request. Sign in to see why it was refused and what to do. The link works for
            30 days. If the request was refused less than a minute ago, wait a moment first.
          </p>
          <div class="acts">
            <Go href={`/portal/why/${code}`} name="I set up the identity provider" tone="primary" />
            <Go href={`/dashboard/why/${code}`} name="I run the SCIM server" />
          </div>
        </>
      ),
    };
  },
};

/** From a code to the directory as it was when the request was refused. */
export function whyRoutes<V extends Visit>({ diagnoses }: { diagnoses: Pick<Diagnoses, 'why'> }): Route<V>[] {
  return [
    {
      path: '/why/:code',
      action: 'directories.read',
      async get({ params, home, assertSees }) {
        const why = await diagnoses.why(params['code'] ?? '');
        if (!why)
          throw new AppError('not_found', {
            detail: "We don't recognize this code. It was mistyped, or is more than 30 days old.",
          });
        assertSees(why.organizationId);
        return `${home}/directories/${why.directoryId}?at=${why.at.toISOString()}`;
      },
    },
  ];
}
