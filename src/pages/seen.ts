import type { Audit } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import type { Credential, Credentials, Usage } from '../credentials/index.ts';
import type { Diagnoses } from '../diagnosis/index.ts';
import type { Directories, Directory } from '../directories/index.ts';
import type { Clients } from '../oauth/index.ts';
import { type DirectoryView, readDirectoryView } from './directory-view.ts';
import { readEvidence } from './evidence.tsx';
import { readPast } from './then.tsx';
import type { Visit } from './visit.tsx';

/** Enough for the rows of a page where many make one. */
const EVENTS_READ = 100;

export interface SeenDependencies {
  directories: Directories;
  credentials: Credentials;
  usage: Usage;
  audit: Audit;
  clock: Clock;
  clients: Clients;
  diagnoses: Diagnoses;
}

/** What a person may see of what an address names; each throws not_found, also for what is another organization's. */
export function createSeen(deps: SeenDependencies) {
  const { directories, credentials, audit, diagnoses, clock } = deps;
  return {
    async directory(visit: Visit, id = visit.id): Promise<Directory> {
      const directory = await directories.get(id);
      visit.assertSees(directory.organizationId);
      return directory;
    },
    async credential(visit: Visit): Promise<Credential> {
      const credential = await credentials.get(visit.id);
      visit.assertSees(credential.organizationId);
      return credential;
    },
    async view(visit: Visit, id?: string): Promise<DirectoryView> {
      return this.viewOf(await this.directory(visit, id));
    },
    /** What the page of a directory shows: how it is, its latest events, and what it was like before; a part of it goes without that. */
    async face(visit: Visit) {
      const view = await this.view(visit);
      const { directory, diagnosis } = view;
      const [events, evidence, past] = await Promise.all([
        audit.page({ where: { directoryId: directory.id }, limit: EVENTS_READ }),
        readEvidence(audit, directory.id, diagnosis.findings[0]),
        visit.query.has('part') ? undefined : readPast(diagnoses, directory, visit),
      ]);
      return { face: { view, events, evidence }, past };
    },
    viewOf: (directory: Directory): Promise<DirectoryView> => readDirectoryView(deps, directory, clock.now()),
  };
}
