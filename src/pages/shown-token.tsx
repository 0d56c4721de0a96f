import { IDENTITY_PROVIDERS } from '../identity-providers/index.ts';
import { WAYS } from './check.tsx';
import { ConsoleInstructions } from './console-instructions.tsx';
import type { DirectoryView } from './directory-view.ts';
import { CopyOnce } from './heads.tsx';
import { Go, Steps } from './parts.tsx';
import { PasteWarning } from './paste-warning.tsx';
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
