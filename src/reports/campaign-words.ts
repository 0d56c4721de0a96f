/** What contacts read when a campaign asks them. */
import { dateFormat } from '../clock.ts';
import type { Invitation } from '../notifications/index.ts';
import type { Campaign } from './campaign-records.ts';

const NAMED = 5;

/** `directories`: the names of those with credentials that wait. */
export function invitationOf(campaign: Campaign, organizationId: string, directories: readonly string[]): Invitation {
  const { id, goal, endsAt, message, rounds } = campaign;
  const named = [...new Set(directories)];
  const list = `${named.slice(0, NAMED).join(', ')}${named.length > NAMED ? ` and ${named.length - NAMED} more` : ''}`;
  const again = rounds > 1 ? 'Reminder: ' : '';
  const rows: [string, string][] = [[named.length === 1 ? 'Directory' : 'Directories', list]];
  if (endsAt) rows.push(['Expires', WHOLE_DAY.format(endsAt)]);
  const words =
    goal === 'end'
      ? {
          title: `${again}Replace your access token by ${WHOLE_DAY.format(endsAt ?? campaign.createdAt)}`,
          text:
            message ??
            'The token that your identity provider uses today will expire on that day. After that, requests that use it will be refused.',
          rows,
          steps: [
            'Open the portal and choose the directory.',
            'Generate a new token and paste it into your identity provider.',
            'Wait until the portal says that the new one is in use.',
          ],
        }
      : {
          title: `${again}Connect your identity provider with OAuth`,
          text:
            message ??
            'OAuth replaces the token that your identity provider uses today. It renews its access automatically.',
          rows,
          steps: [
            'Open the portal and choose the directory.',
            'Choose OAuth and follow the steps for your identity provider.',
            'Revoke the token once the connection works.',
          ],
        };
  return {
    organizationId,
    subject: `${id} ${organizationId}`,
    stage: String(rounds),
    words,
    // Without the name, which is the vendor's own.
    data: { object: 'campaign', id, goal, ends_at: endsAt?.toISOString() ?? null, round: rounds },
  };
}

const WHOLE_DAY = dateFormat({ day: 'numeric', month: 'long', year: 'numeric' });
