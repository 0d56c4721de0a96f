/** A field to choose one organization by its name, or all of them. */
import type { Organizations } from '../directories/index.ts';
import { Choice, Field } from '../pages/index.ts';

/** A longer list is no help: then the ID is asked for. */
const OFFERED = 200;

/** IDs and names; undefined where there are too many to choose from. */
export type OfferedOrganizations = readonly (readonly [id: string, name: string])[] | undefined;

export async function offerOrganizations(organizations: Organizations): Promise<OfferedOrganizations> {
  const { items, nextCursor } = await organizations.page({ limit: OFFERED });
  if (nextCursor !== null) return undefined;
  return items.map(({ id, name }) => [id, name] as const).sort(([, a], [, b]) => a.localeCompare(b));
}

export function OrganizationChoice(props: { offered: OfferedOrganizations; value: string | undefined; all: string }) {
  const { offered, value = '', all } = props;
  return offered ? (
    <Choice name="organizationId" label="Organization" value={value} options={[['', all], ...offered]} />
  ) : (
    <Field name="organizationId" value={value} hint={`Empty: ${all.toLowerCase()}.`} />
  );
}
