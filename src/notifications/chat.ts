/** A message for a channel of Slack, or of whatever takes its format, and of Microsoft Teams. */
import { headlineOf } from './event-types.ts';
import { dashboardPageOf, type Message } from './message.ts';

/** What a channel is told: a sentence that leads, and a link to where more is known. */
export interface ChatText {
  title: string;
  lines: string[];
  link: string;
}

export function chatTextOf({ type, data, timestamp }: Message, publicUrl: string): ChatText {
  const { directory_id, organization_id, text, actor } = data;
  const title = typeof data['title'] === 'string' ? data['title'] : headlineOf(type).replace(/\.$/, '');
  const name = typeof data['name'] === 'string' ? data['name'] : undefined;
  const by = (actor as { name?: string } | null)?.name;
  const idOf = (value: unknown) => (typeof value === 'string' ? value : undefined);
  const link = dashboardPageOf(publicUrl, { organizationId: idOf(organization_id), directoryId: idOf(directory_id) });
  return {
    title,
    lines: [
      ...(typeof text === 'string' ? [text] : []),
      ...(name !== undefined ? [`Name: ${name}`] : []),
      ...(typeof data['token_suffix'] === 'string' ? [`Token: …${data['token_suffix']}`] : []),
      ...(by !== undefined ? [`By ${by}`] : []),
      `${type}, ${timestamp.slice(0, 16).replace('T', ' ')} UTC`,
    ],
    link,
  };
}

/** Slack's "mrkdwn" gives a meaning to three characters; names of people and organizations must not use it. */
export function slackBody({ title, lines, link }: ChatText): string {
  const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const body = lines.map(escaped).join('\n');
  return JSON.stringify({
    text: escaped(title),
    blocks: [
      { type: 'section', text: { type: 'mrkdwn', text: `*${escaped(title)}*\n${body}`, verbatim: true } },
      {
        type: 'actions',
        elements: [{ type: 'button', text: { type: 'plain_text', text: 'Open in Latchkey' }, url: link }],
      },
    ],
  });
}

/** An adaptive card, as both a workflow and an incoming webhook of Teams take it. */
export function teamsBody({ title, lines, link }: ChatText): string {
  // Teams reads Markdown in text blocks: a backslash keeps a character as it is.
  const escaped = (text: string) => text.replace(/([\\`*_[\]()#+!|<>~])/g, '\\$1');
  const block = (text: string, more: object = {}) => ({ type: 'TextBlock', wrap: true, text: escaped(text), ...more });
  return JSON.stringify({
    type: 'message',
    attachments: [
      {
        contentType: 'application/vnd.microsoft.card.adaptive',
        contentUrl: null,
        content: {
          $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
          type: 'AdaptiveCard',
          version: '1.4',
          body: [block(title, { weight: 'Bolder', size: 'Medium' }), ...lines.map((line) => block(line))],
          actions: [{ type: 'Action.OpenUrl', title: 'Open in Latchkey', url: link }],
        },
      },
    ],
  });
}
