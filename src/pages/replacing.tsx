/** A new token where both slots are filled: which token it takes the place of, and what becomes of the other one. */

import { PAGE_ACTS } from '../diagnosis/index.ts';
import type { DirectoryView, Holding } from './directory-view.ts';
import { Pick } from './fields.tsx';
import { Form, Submit } from './forms.tsx';
import { Last } from './times.tsx';

/** The credential that is replaced, and the one that takes its place. */
export function pairIn({ holdings }: DirectoryView): { old: Holding | undefined; fresh: Holding | undefined } {
  const old = holdings.find(({ progress }) => progress);
  const fresh = holdings.find(({ credential }) => credential.id === old?.progress?.successorId);
  return { old, fresh };
}

/** Tokens that a new one can take the place of: those that nothing has used, where there are any. A connection is never one of them. */
export function replaceableIn({ holdings }: DirectoryView): Holding[] {
  const tokens = holdings.filter(({ credential }) => credential.kind === 'bearer');
  const unused = tokens.filter((token) => !isUsed(token));
  return (unused.length > 0 ? unused : tokens).toSorted((a, b) => since(a) - since(b));
}

const isUsed = ({ total }: Holding) => total?.lastUsedAt !== undefined;
const since = ({ total, credential }: Holding) => (total?.lastUsedAt ?? credential.createdAt).getTime();

/** `action`: where the choice is sent. */
export function ReplaceForm({ view, action, back }: { view: DirectoryView; action: string; back: string }) {
  const choices = replaceableIn(view);
  const [first] = choices;
  if (!first) return null;
  const harms = isUsed(first);
  return (
    <Form action={action} class="panel">
      {choices.length === 1 ? (
        <p>
          The new token takes the place of the one that ends in <Ending of={first} />
          {harms ? (
            <>
              , which was <Last at={first.total?.lastUsedAt} before="last used" never="" />.{' '}
              <b>Requests with that one are refused immediately.</b>
            </>
          ) : (
            ', which no request has used yet.'
          )}{' '}
          <Others view={view} replaced={first} />
        </p>
      ) : (
        <>
          <p>
            This directory has two tokens, and no more are possible. The new one takes the place of one of them.{' '}
            {harms && <b>Requests with the one that you replace are refused immediately.</b>}
          </p>
          <fieldset>
            <legend>Token to replace</legend>
            {choices.map((choice) => (
              <Pick
                name="replaces"
                value={choice.credential.id}
                isOn={choice === first}
                label={`The one that ends in …${choice.credential.hint}`}
                hint={<Last at={choice.total?.lastUsedAt} before="Last used" after="." never="Never used." />}
              />
            ))}
          </fieldset>
        </>
      )}
      {choices.length === 1 && <input type="hidden" name="replaces" value={first.credential.id} />}
      {harms && <input type="hidden" name="inUse" value="confirmed" />}
      <Submit name={PAGE_ACTS['generate-token']} back={back} tone={harms ? 'danger primary' : 'primary'} />
    </Form>
  );
}

function Ending({ of: { credential } }: { of: Holding }) {
  return <span class="mono whole">…{credential.hint}</span>;
}

/** What the other one does meanwhile, as far as it works. */
function Others({ view, replaced }: { view: DirectoryView; replaced: Holding }) {
  const other = view.holdings.find((holding) => holding !== replaced && holding.state === 'active');
  if (!other) return null;
  const ends = other.progress?.retire === 'when-replaced';
  return (
    <>
      {other.credential.kind === 'oauth' ? (
        'The connection keeps working.'
      ) : (
        <>
          The one that ends in <Ending of={other} /> keeps working
          {ends ? ` until ${view.provider} uses the new one.` : '.'}
        </>
      )}
    </>
  );
}
