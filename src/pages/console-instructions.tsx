/** The form in an identity provider's console, drawn as it stands there, with the value to copy in each of its fields. */
import type { ConsoleField, ConsoleForm } from '../identity-providers/index.ts';
import { type DirectoryView, wasFilledIn } from './directory-view.ts';
import { CopyField, capital } from './parts.tsx';

/** By filling: what is known now. A field whose value is null is left out; one whose value is absent says where it comes from. */
export type ConsoleValues = Partial<Record<string, string | null>>;

/**
 * A form that was filled in before is opened where it is edited, as the steps of a finding say too. `given`: besides our URLs.
 * `secretIs`: where the reader finds a client secret that can't be added on this page.
 */
export function ConsoleInstructions(props: {
  view: DirectoryView;
  form: ConsoleForm;
  given?: ConsoleValues;
  secretIs?: string | undefined;
}) {
  const { view, form, given, secretIs } = props;
  const { provider, spoken } = view;
  const { endpointUrl: endpoint, tokenUrl, authorizationUrl } = spoken;
  const values: ConsoleValues = { endpoint, 'token-url': tokenUrl, 'authorization-url': authorizationUrl, ...given };
  const { path, buttons } = (wasFilledIn(view) && form.again) || form;
  const fields = form.fields.filter(({ filling }) => typeof filling === 'object' || values[filling] !== null);
  return (
    <section class="panel">
      <h2>In {provider}</h2>
      <figure class="console" aria-label={`The form in ${provider}`}>
        <div class="bar" aria-hidden="true">
          <i />
          <i />
          <i />
          <span>{capital(provider)}</span>
        </div>
        <ol class="way" aria-label="Where to find it">
          {path.map((step) => (
            <li>{step}</li>
          ))}
        </ol>
        <ol class="fillings" aria-label="Fields">
          {fields.map((field) => (
            <li>
              <FieldOf field={field} values={values} secretIs={secretIs} />
            </li>
          ))}
        </ol>
        <p class="presses">
          <small>Then select</small>
          {buttons.map((name) => (
            <b>{name}</b>
          ))}
        </p>
        <figcaption>
          <small>{captionOf(form)}</small>
        </figcaption>
      </figure>
    </section>
  );
}

function FieldOf(props: { field: ConsoleField; values: ConsoleValues; secretIs: string | undefined }) {
  const { field, values, secretIs } = props;
  const { label, filling } = field;
  if (typeof filling === 'string') {
    const value = values[filling];
    return typeof value === 'string' ? (
      <CopyField label={label} value={value} />
    ) : (
      <Box label={label} text={elsewhereOf(filling, values, secretIs)} kind="unknown" />
    );
  }
  if ('type' in filling) return <CopyField label={label} value={filling.type} />;
  if ('select' in filling) return <Box label={label} text={filling.select} kind="select" />;
  if ('own' in filling) return <Box label={label} text={filling.own} kind="unknown" />;
  return (
    <div>
      <small>{label}</small>
      <ul class="checks">
        {filling.check.map((option) => (
          <li>{option}</li>
        ))}
      </ul>
    </div>
  );
}

function Box({ label, text, kind }: { label: string; text: string; kind: 'unknown' | 'select' }) {
  return (
    <div>
      <small>{label}</small>
      <div class={`field ${kind}`}>{text}</div>
    </div>
  );
}

const ELSEWHERE: Record<string, string> = {
  token: 'The token, shown once when you generate it',
  'client-secret': 'The client secret, shown once when you create the client',
  'client-id': 'The client ID, shown here once you create the client',
};

function elsewhereOf(filling: string, values: ConsoleValues, secretIs: string | undefined): string {
  if (filling === 'client-secret' && secretIs !== undefined) return secretIs;
  const isCreated = filling === 'client-secret' && typeof values['client-id'] === 'string';
  return isCreated
    ? 'The client secret, shown once when it was added. Lost it? Add another one here.'
    : (ELSEWHERE[filling] ?? '');
}

function captionOf({ checked }: ConsoleForm): string {
  return checked.basis === 'unknown'
    ? 'This is a sketch. Field names differ between products.'
    : 'This is a sketch. Your console may look a little different.';
}
