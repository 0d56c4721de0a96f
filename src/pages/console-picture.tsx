/** The form in an identity provider's console, drawn: where it is, what its fields are called, which value goes where, what to press. */
import type { VNode } from 'preact';

type Field = readonly [name: string, filling: string | { choose: string }];

const WIDTH = 380;
const MARGIN = 16;
const INNER = WIDTH - 2 * MARGIN;
const LINE = 19;
/** Of the widest common letters at 13 px, so that nothing that is measured so sticks out. */
const LETTER = 7.2;
const BUTTON_LETTER = 7.8;

/** What stands in a field while its value is not known. */
const UNKNOWN: Record<string, string> = {
  token: 'the token, shown once',
  'client-secret': 'the client secret, shown once',
  'client-id': 'the client id',
};

/** Drawn in the colours of the page. Its text is no substitute for the list beside it, which has the whole values. */
export function ConsolePicture(props: {
  provider: string;
  where: readonly string[];
  fields: readonly Field[];
  last: readonly string[];
  values: Partial<Record<string, string | null>>;
}) {
  const { provider, where, fields, last, values } = props;
  const parts: VNode[] = [];
  let y = 36 + 24;

  for (const line of wrapped(where, ' › ', INNER / LETTER)) {
    parts.push(
      <text x={MARGIN} y={y} class="path">
        {line}
      </text>,
    );
    y += LINE;
  }
  y += 6;

  fields.forEach(([name, filling], index) => {
    const isChoice = typeof filling === 'object';
    const text = isChoice ? filling.choose : (values[filling] ?? UNKNOWN[filling] ?? '');
    const isValue = !isChoice && typeof values[filling] === 'string';
    parts.push(
      <g>
        <text x={MARGIN + 26} y={y + 11}>
          {name}
        </text>
        <rect
          class={isChoice ? 'box' : 'box filled'}
          x={MARGIN + 26}
          y={y + 18}
          width={INNER - 26}
          height="30"
          rx="6"
        />
        <text class={isValue ? 'value' : 'hollow'} x={MARGIN + 36} y={y + 37}>
          {cut(text, Math.floor((INNER - 26 - (isChoice ? 44 : 24)) / (isValue ? 7.5 : LETTER)))}
        </text>
        {isChoice && <path class="open" d={`m${WIDTH - MARGIN - 22} ${y + 31} 5 5 5-5`} />}
        <circle class="mark" cx={MARGIN + 9} cy={y + 33} r="9" />
        <text class="number" x={MARGIN + 9} y={y + 37}>
          {index + 1}
        </text>
      </g>,
    );
    y += 62;
  });

  let x = MARGIN + 26;
  for (const name of last) {
    const width = name.length * BUTTON_LETTER + 24;
    if (x > MARGIN + 26 && x + width > WIDTH - MARGIN) {
      x = MARGIN + 26;
      y += 40;
    }
    parts.push(
      <g>
        <rect class="press" x={x} y={y} width={width} height="32" rx="6" />
        <text class="press" x={x + width / 2} y={y + 20}>
          {name}
        </text>
      </g>,
    );
    x += width + 10;
  }
  const height = y + 32 + MARGIN;

  return (
    <figure class="console">
      <svg
        viewBox={`0 0 ${WIDTH} ${height}`}
        role="img"
        aria-label={`The form in ${provider}, drawn: ${fields.map(([name]) => name).join(', ')}; then ${last.join(', ')}`}
      >
        <rect class="window" x="0.5" y="0.5" width={WIDTH - 1} height={height - 1} rx="10" />
        <path class="bar" d={`M0.5 36 H${WIDTH - 0.5}`} />
        {[0, 1, 2].map((dot) => (
          <circle class="dots" cx={MARGIN + dot * 12} cy="18" r="3.5" />
        ))}
        <text class="provider" x={WIDTH / 2} y="22">
          {provider}
        </text>
        {parts}
      </svg>
      <figcaption>
        <small>Drawn, not photographed: your console may arrange it a little differently.</small>
      </figcaption>
    </figure>
  );
}

/** Lines of at most so many letters, broken between the items, and within one that is too long by itself. */
function wrapped(items: readonly string[], separator: string, most: number): string[] {
  const words = items.flatMap((item, index) => {
    const pieces = item.length > most ? item.split(' ').map((piece) => `${piece} `) : [item];
    return index < items.length - 1
      ? [...pieces.slice(0, -1), `${(pieces.at(-1) ?? '').trimEnd()}${separator}`]
      : pieces;
  });
  const lines: string[] = [];
  for (const word of words) {
    const line = lines.at(-1);
    if (line === undefined || (line + word).trimEnd().length > most) lines.push(word);
    else lines[lines.length - 1] = line + word;
  }
  return lines.map((line) => line.trimEnd());
}

function cut(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}
