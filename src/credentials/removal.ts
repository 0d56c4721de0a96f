/** Deleting a directory, or an organization with all that is its own: one operation for all callers, with one wait for the lease. */
import type { Attribution } from '../audit/index.ts';
import type { Directories, Directory, Organizations } from '../directories/index.ts';

export interface Removal {
  /** Returns when no instance accepts its credentials any more. Without `force` it throws credentials_active where one holds a slot. */
  removeDirectory(directory: Directory, force: boolean, attribution: Attribution): Promise<void>;
  /** As `removeDirectory`, for all directories of an organization, also those that are made meanwhile. Throws not_found, credentials_active. */
  removeOrganization(id: string, force: boolean, attribution: Attribution): Promise<void>;
}

const PAGE = 200;
/** Directories that are removed at a time. */
const AT_ONCE = 20;

export function createRemoval(deps: {
  organizations: Organizations;
  directories: Directories;
  credentials: {
    assertNoneActive(directory: Directory): Promise<void>;
    clear(directory: Directory, force: boolean, attribution: Attribution): Promise<void>;
  };
  waitOutLease: () => Promise<void>;
}): Removal {
  const { organizations, directories, credentials, waitOutLease } = deps;

  async function directoriesOf(organizationId: string): Promise<Directory[]> {
    const found: Directory[] = [];
    let after: string | undefined;
    do {
      const { items, nextCursor } = await directories.page({ organizationId, after, limit: PAGE });
      found.push(...items);
      after = nextCursor ?? undefined;
    } while (after !== undefined);
    return found;
  }

  async function each(owned: Directory[], work: (directory: Directory) => Promise<void>): Promise<void> {
    for (let start = 0; start < owned.length; start += AT_ONCE)
      await Promise.all(owned.slice(start, start + AT_ONCE).map(work));
  }

  async function take(directory: Directory, force: boolean, attribution: Attribution): Promise<void> {
    await credentials.clear(directory, force, attribution);
    await directories.remove(directory, attribution);
  }

  return {
    async removeDirectory(directory, force, attribution) {
      await take(directory, force, attribution);
      await waitOutLease();
    },

    async removeOrganization(id, force, attribution) {
      const organization = await organizations.get(id);
      const owned = await directoriesOf(id);
      // All are asked before any is touched, so that a refusal leaves everything as it was.
      if (!force) await each(owned, credentials.assertNoneActive);
      await each(owned, (directory) => take(directory, force, attribution));
      await organizations.remove(organization, owned.length, attribution);
      // What was made meanwhile has no organization any more, so it goes with whatever it holds.
      await each(await directoriesOf(id), (directory) => take(directory, true, attribution));
      await waitOutLease();
    },
  };
}
