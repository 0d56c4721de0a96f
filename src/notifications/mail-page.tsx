/** How an email looks: one sentence, one table, one button. HTML with styles in place, since mail programs drop stylesheets; and plain text. */

import { render } from 'preact-render-to-string';
import { DAY_MS, dateFormat } from '../clock.ts';
import type { Mail } from './mail.ts';
import type { Notice, NoticeText } from './notices.ts';

export interface MailBrand {
  name: string;
  support?: string | undefined;
}

export interface MailPage {
  title: string;
  paragraphs: string[];
  rows: [string, string][];
  /** To copy, so that it is left as it is. */
  value?: [label: string, value: string] | undefined;
  steps: string[];
  button?: { name: string; url: string } | undefined;
  remark?: string | undefined;
}

const INK = '#1b1f22';
const SOFT = '#5b6469';
const LINE = '#e1e3e0';
const ACCENT = '#0f6b56';

export function renderMail(given: MailPage, brand: MailBrand): Pick<Mail, 'text' | 'html'> {
  const { value, ...page } = withoutLinks(given);
  const shown = value ? { ...page, rows: [...page.rows, value] } : page;
  return { text: textOf(shown, brand), html: `<!doctype html>${render(<Document page={shown} brand={brand} />)}` };
}

/** People give names, and a mail program makes a link of one such as evil.example/login. Within sentences a name stands in quotes. */
function withoutLinks(page: MailPage): MailPage {
  const named = (text: string) => text.replace(/“.*”/gs, unlinked);
  return {
    ...page,
    title: unlinked(page.title),
    paragraphs: page.paragraphs.map(named),
    rows: page.rows.map(([label, value]) => [label, unlinked(value)]),
    steps: page.steps.map(named),
  };
}

/** Looks the same, but has a sign of no width where a host would go on. */
export function unlinked(text: string): string {
  return text.replace(/(?<=[\p{L}\p{N}])(?:\.(?=[\p{L}\p{N}])|:(?=\/\/))/gu, '$&\u200b');
}

/** One notice, or several in a digest. */
export function pageOf(
  notices: readonly Notice[],
  link: { name: string; url: string },
  remark: string | undefined,
): MailPage {
  const [first] = notices;
  if (first && notices.length === 1) {
    const { title, text, rows, value, steps } = first.words;
    return { title, paragraphs: text === '' ? [] : [text], rows, value, steps, button: link, remark };
  }
  const shown = notices.slice(0, MOST_LINES);
  const left = notices.length - shown.length;
  const areEnds = notices.every(({ kind }) => kind === 'ending');
  return {
    title: `${notices.length} things ${areEnds ? 'expire soon' : 'happened'}`,
    paragraphs: [],
    rows: shown.map(({ createdAt, endsAt, words }) => [utc((areEnds && endsAt) || createdAt), lineOf(words)]),
    steps: [],
    button: link,
    remark: [left > 0 ? `And ${left} more.` : '', remark ?? ''].filter((part) => part !== '').join(' ') || undefined,
  };
}

const MOST_LINES = 30;

function lineOf({ title, rows }: NoticeText): string {
  const [where] = rows;
  return where && !title.includes(where[1]) ? `${title} (${where[1]})` : title;
}

const WHOLE_DAY = dateFormat({ day: 'numeric', month: 'long', year: 'numeric' });

/** "16 November 2026, 17:40 UTC". */
export function utc(date: Date): string {
  return `${WHOLE_DAY.format(date)}, ${date.toISOString().slice(11, 16)} UTC`;
}

/** An all-day entry for the day of an end (RFC 5545). */
export function calendarOf(notice: Notice, endsAt: Date, at: Date): { name: string; body: string } {
  const day = (date: Date) => date.toISOString().slice(0, 10).replaceAll('-', '');
  const stamp = at.toISOString().replace(/[-:]|\.\d+/g, '');
  const lines = [
    'BEGIN:VCALENDAR',
    'VERSION:2.0',
    'PRODID:-//Latchkey//Notifications//EN',
    'METHOD:PUBLISH',
    'BEGIN:VEVENT',
    `UID:${notice.subject}@latchkey`,
    `DTSTAMP:${stamp}`,
    `DTSTART;VALUE=DATE:${day(endsAt)}`,
    `DTEND;VALUE=DATE:${day(new Date(endsAt.getTime() + DAY_MS))}`,
    `SUMMARY:${escaped(notice.words.title)}`,
    `DESCRIPTION:${escaped(notice.words.text)}`,
    'TRANSP:TRANSPARENT',
    'END:VEVENT',
    'END:VCALENDAR',
  ];
  return { name: 'end.ics', body: `${lines.flatMap(folded).join('\r\n')}\r\n` };
}

function escaped(text: string): string {
  return text.replace(/[\\;,]/g, '\\$&').replace(/\r?\n/g, '\\n');
}

/** Lines of at most 75 octets; the next ones begin with a blank. */
function folded(line: string): string[] {
  const parts: string[] = [];
  let part = '';
  for (const character of line) {
    if (Buffer.byteLength(part + character) > 74) {
      parts.push(part);
      part = ' ';
    }
    part += character;
  }
  return [...parts, part];
}

function textOf({ title, paragraphs, rows, steps, button, remark }: MailPage, { name, support }: MailBrand): string {
  const width = Math.max(0, ...rows.map(([label]) => label.length));
  const blocks = [
    title,
    ...paragraphs,
    rows.map(([label, value]) => `${label.padEnd(width)}  ${value}`).join('\n'),
    steps.map((step, index) => `${index + 1}. ${step}`).join('\n'),
    button ? `${button.name}: ${button.url}` : '',
    remark ?? '',
    `${name}${support === undefined ? '' : `, ${support}`}`,
  ];
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`;
}

function Document({ page, brand }: { page: MailPage; brand: MailBrand }) {
  const { title, paragraphs, rows, steps, button, remark } = page;
  const font = "font-family: Inter, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif";
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width" />
        <meta name="color-scheme" content="light" />
        <title>{title}</title>
      </head>
      <body
        style={`margin: 0; padding: 24px 12px; background: #f7f7f5; color: ${INK}; ${font}; font-size: 15px; line-height: 1.5`}
      >
        <main>
          <table role="presentation" width="100%" cellspacing="0" cellpadding="0">
            <tbody>
              <tr>
                <td align="center">
                  <div
                    style={`max-width: 560px; padding: 24px; text-align: left; background: #ffffff; border: 1px solid ${LINE}; border-radius: 10px`}
                  >
                    <p style={`margin: 0 0 16px; color: ${SOFT}; font-size: 13px`}>{brand.name}</p>
                    <h1 style="margin: 0 0 12px; font-size: 20px; line-height: 1.3">{title}</h1>
                    {paragraphs.map((text) => (
                      <p style="margin: 0 0 16px">{text}</p>
                    ))}
                    {rows.length > 0 && (
                      <table
                        width="100%"
                        cellspacing="0"
                        cellpadding="0"
                        style="margin: 0 0 16px; border-collapse: collapse; font-size: 14px"
                      >
                        <tbody>
                          {rows.map(([label, value]) => (
                            <tr>
                              <td
                                style={`padding: 8px 16px 8px 0; border-top: 1px solid ${LINE}; color: ${SOFT}; vertical-align: top`}
                              >
                                {label}
                              </td>
                              <td
                                style={`padding: 8px 0; border-top: 1px solid ${LINE}; vertical-align: top; overflow-wrap: anywhere`}
                              >
                                {value}
                              </td>
                            </tr>
                          ))}
                        </tbody>
                      </table>
                    )}
                    {steps.length > 0 && (
                      <ol style="margin: 0 0 16px; padding-left: 20px">
                        {steps.map((step) => (
                          <li style="margin: 0 0 6px">{step}</li>
                        ))}
                      </ol>
                    )}
                    {button && (
                      <p style="margin: 0 0 16px">
                        <a
                          href={button.url}
                          style={`display: inline-block; padding: 10px 16px; border-radius: 8px; background: ${ACCENT}; color: #ffffff; font-weight: 600; text-decoration: none`}
                        >
                          {button.name}
                        </a>
                      </p>
                    )}
                    {remark !== undefined && <p style={`margin: 0; color: ${SOFT}; font-size: 13px`}>{remark}</p>}
                    {brand.support !== undefined && (
                      <p style={`margin: 16px 0 0; color: ${SOFT}; font-size: 13px`}>Help: {brand.support}</p>
                    )}
                  </div>
                </td>
              </tr>
            </tbody>
          </table>
        </main>
      </body>
    </html>
  );
}
