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

export function OrganizationChoice({ offered, all }: { offered: OfferedOrganizations; all: string }) {
  return offered ? (
    <Choice name="organizationId" label="Organization" any={all} options={offered} />
  ) : (
    <Field name="organizationId" hint={`Empty: ${all.toLowerCase()}.`} />
  );
}
