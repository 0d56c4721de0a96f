/** The portal links of an organization: made, shown once, withdrawn. */
import type { Organization } from '../directories/index.ts';
import { type LinkState, linkStateAt, type PortalLink } from '../one-time-links/index.ts';
import { Act, CopyOnce, Field, Form, Last, List, oncePage, Row, sent, Time, useVisit } from '../pages/index.ts';
import type { DashboardDependencies } from './dependencies.ts';
import { HOME, PLACES, type Route } from './visit.ts';

const STATES: Record<LinkState, string> = {
  fit: 'Not used yet',
  used: 'Used',
  expired: 'Expired unused',
  revoked: 'Withdrawn',
};

export function PortalLinks({
  organization: { id, name },
  links,
}: {
  organization: Organization;
  links: PortalLink[];
}) {
  return (
    <List
      title="Portal links"
      id="portal-links"
      aside={<small>A link lets one IT contact at {name} sign in once, for eight hours.</small>}
      of={links}
      none="No portal links yet."
      row={(link) => <LinkRow link={link} />}
    >
      {useVisit().may('portal-links.change') && (
        <Form action={`${HOME}/organizations/${id}/portal-links`}>
          <Field name="contact" hint="Name of the IT contact. The audit trail shows it." />
          <button type="submit">Create portal link</button>
        </Form>
      )}
    </List>
  );
}

function LinkRow({ link }: { link: PortalLink }) {
  const { now, may } = useVisit();
  const { id, contact, createdAt, createdBy, usedAt, revokedAt, expiresAt } = link;
  const state = linkStateAt(link, now);
  return (
    <Row
      name={
        <span>
          {contact !== undefined && <b>{contact}: </b>}
          {STATES[state]} <Time at={revokedAt ?? usedAt ?? expiresAt} />
        </span>
      }
      text={<Last at={createdAt} before="created" after={` by ${createdBy.name}`} />}
    >
      {may('portal-links.change') && (state === 'fit' || state === 'used') && (
        <Act action={`${HOME}/portal-links/${id}/revoke`} name={state === 'used' ? 'End session' : 'Withdraw'} />
      )}
    </Row>
  );
}

export function portalLinkRoutes({ organizations, portalLinks, publicUrl }: DashboardDependencies): Route[] {
  return [
    {
      path: '/organizations/:id/portal-links',
      action: 'portal-links.change',
      async post(visit) {
        const { id, name } = await organizations.get(visit.id);
        const input = { organizationId: id, contact: sent(visit.form, 'contact') };
        const { portalLink, secret } = await portalLinks.create(input, visit.attribution);
        const back = `${HOME}/organizations/${id}`;
        return oncePage(
          {
            title: 'Portal link',
            trail: [PLACES.organizations, [back, name]],
            done: "I've sent it",
            back,
          },
          <CopyOnce
            title={`For ${name}`}
            label={`Send this to ${portalLink.contact ?? 'the IT contact'}`}
            value={`${publicUrl}/portal/enter/${secret}`}
          >
            It works once, until <Time at={portalLink.expiresAt} exact />. The session then lasts up to eight hours.
            Send it in a private message: the first person to open it gets access.
          </CopyOnce>,
        );
      },
    },
    {
      path: '/portal-links/:id/revoke',
      action: 'portal-links.change',
      async post({ id, attribution }) {
        const { organizationId } = await portalLinks.revoke(id, attribution);
        return `${HOME}/organizations/${organizationId}`;
      },
    },
  ];
}
