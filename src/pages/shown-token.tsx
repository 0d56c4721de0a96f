import type { Diagnosis, Finding } from '../diagnosis/index.ts';
import { IDENTITY_PROVIDERS } from '../identity-providers/index.ts';
import { WAYS } from './check.tsx';
import { ConsoleInstructions } from './console-instructions.tsx';
import type { DirectoryView } from './directory-view.ts';
import { troubleOf } from './findings.tsx';
import { CopyOnce } from './heads.tsx';
import { Go, Steps } from './parts.tsx';
import { addressOf, type Shown, trailTo, type Visit } from './visit.tsx';

/** A token, in the one moment in which it is there, beside the fields of the console that it goes into. */
export function shownToken(visit: Visit, view: DirectoryView, token: string, way: keyof typeof WAYS): Shown {
  const { provider, directory } = view;
  const isRotation = way === 'rotate';
  const address = addressOf(visit, directory);
  return {
    title: 'Your new token',
    trail: trailTo(visit, directory),
    children: (
      <Steps names={WAYS[way]} current={way === 'setup' ? 2 : 1}>
        <CopyOnce title="Token" label={`For ${provider}`} value={token}>
          Copy it now; it won't be shown again. If you lose it, generate another one
          {isRotation ? ` on the next page. The old token keeps working` : ''}.
          <PasteWarning diagnosis={view.diagnosis} />
        </CopyOnce>
        <ConsoleInstructions
          view={view}
          form={IDENTITY_PROVIDERS[directory.provider].console.bearer}
          given={{ token }}
        />
        <div class="acts">
          <Go
            href={isRotation ? `${address}/rotate` : `${address}/check?way=${way}`}
            name="I've saved it"
            tone="primary"
          />
          <Go href={address} name="Finish later" tone="quiet" />
        </div>
      </Steps>
    ),
  };
}

const WARNINGS: Partial<Record<Finding['code'], string>> = {
  token_with_blanks: 'The last one arrived with a space or line break in it. Paste this one without any.',
  client_secret_has_blanks: 'The last one arrived with a space or line break in it. Paste this one without any.',
  token_truncated: 'The last one arrived incomplete. Use the copy button, and clear the field before you paste.',
  token_doubled: 'The last one arrived twice in one field. Clear the field before you paste.',
  scheme_twice: 'The word Bearer arrived twice. Paste the value alone.',
  header_name_in_value: 'The header name arrived with the last one. Paste the value alone.',
  value_quoted: 'The last one arrived in quotation marks. Paste the value alone.',
};

/** What went wrong with the last paste, where the next value is copied. */
export function PasteWarning({ diagnosis }: { diagnosis: Diagnosis }) {
  const warning = WARNINGS[troubleOf(diagnosis)?.code ?? 'working'];
  return warning === undefined ? null : <b> {warning}</b>;
}
