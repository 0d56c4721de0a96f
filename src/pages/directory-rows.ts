/** Directories as lists show them: those that need someone first, over everything and not within a page. Reads what is kept, computes nothing. */
import type { Diagnoses, Finding, FindingQuery } from '../diagnosis/index.ts';
import type { Directories, Directory } from '../directories/index.ts';
import type { Page } from '../storage/index.ts';

export interface DirectoryRow {
  directory: Directory;
  finding: Finding;
}

/** A list goes on where it stopped: among those that need someone, or among all others. */
const NEEDING = 'needing.';
const OTHERS = 'others.';
/** Reads for one page of a list; findings that do not lead their directory are passed over. */
const READS_AT_MOST = 6;

export function createDirectoryRows({ directories, diagnoses }: { directories: Directories; diagnoses: Diagnoses }) {
  const { current } = diagnoses;

  async function leadOf(directory: Directory): Promise<Finding | undefined> {
    return (await current.of(directory)).findings[0];
  }

  /**
   * Those with a finding that is not fine, the most urgent first. With `code` or `actor`, each finding of that kind; else each directory once, by
   * what leads it.
   */
  async function needing({ after, limit, ...where }: FindingQuery): Promise<Page<DirectoryRow>> {
    const rows: DirectoryRow[] = [];
    let position = after;
    for (let reads = 0; reads < READS_AT_MOST && rows.length < limit; reads++) {
      const { items, nextCursor } = await current.page({ ...where, after: position, limit: limit - rows.length });
      const found = await Promise.all(
        items.map(async ({ directoryId, code }): Promise<DirectoryRow[]> => {
          const directory = await directories.find(directoryId);
          if (!directory) return [];
          const { findings } = await current.of(directory);
          const isAny = where.code !== undefined || where.actor !== undefined;
          const finding = isAny ? findings.find((one) => one.code === code) : findings[0];
          return finding?.code === code ? [{ directory, finding }] : [];
        }),
      );
      rows.push(...found.flat());
      if (nextCursor === null) return { items: rows, nextCursor: null };
      position = nextCursor;
    }
    return { items: rows, nextCursor: position ?? null };
  }

  return {
    needing,

    /** All directories of an organization. Throws invalid_cursor. */
    async page(query: {
      organizationId: string;
      after?: string | undefined;
      limit: number;
    }): Promise<Page<DirectoryRow>> {
      const { organizationId, after, limit } = query;
      const rows: DirectoryRow[] = [];
      let position: string | undefined;
      if (after === undefined || after.startsWith(NEEDING)) {
        // One that was made a moment ago has no finding yet.
        if (after === undefined)
          await Promise.all((await directories.page({ organizationId, limit })).items.map(leadOf));
        const first = await needing({ organizationId, after: after?.slice(NEEDING.length), limit });
        if (first.nextCursor !== null) return { ...first, nextCursor: NEEDING + first.nextCursor };
        rows.push(...first.items);
        if (rows.length >= limit) return { items: rows, nextCursor: OTHERS };
      } else position = (after.startsWith(OTHERS) ? after.slice(OTHERS.length) : after) || undefined;
      for (let reads = 0; reads < READS_AT_MOST && rows.length < limit; reads++) {
        const page = await directories.page({ organizationId, after: position, limit: limit - rows.length });
        const leads = await Promise.all(page.items.map(leadOf));
        page.items.forEach((directory, index) => {
          const finding = leads[index];
          // The others stand above.
          if (finding?.severity === 'fine') rows.push({ directory, finding });
        });
        if (page.nextCursor === null) return { items: rows, nextCursor: null };
        position = page.nextCursor;
      }
      return { items: rows, nextCursor: OTHERS + (position ?? '') };
    },

    /** The directory of an organization that needs someone most; undefined where there is none. */
    async worst(organizationId: string): Promise<DirectoryRow | undefined> {
      const [row] = (await needing({ organizationId, limit: 1 })).items;
      if (row) return row;
      const [directory] = (await directories.page({ organizationId, limit: 1 })).items;
      const finding = directory && (await leadOf(directory));
      return directory && finding ? { directory, finding } : undefined;
    },
  };
}
