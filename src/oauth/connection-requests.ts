/** Requests for a connection, as people decide about them: left with the browser until then, allowed, or refused. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { KoaContextWithOIDC } from 'oidc-provider';
import type { Actor, Attribution, Audit } from '../audit/index.ts';
import { SCOPES } from '../credentials/index.ts';
import type { Directory } from '../directories/index.ts';
import type { Client } from './client-record.ts';
import type { Clients } from './clients.ts';
import type { Connections } from './connections.ts';
import type { Interaction } from './oidc-provider.ts';
import type { PendingRequest, PendingRequests } from './pending-requests.ts';

/** What an identity provider asked for, as a person decides about it. */
export interface ConnectionRequest {
  uid: string;
  client: Client;
  scopes: string[];
  /** Where the answer goes. */
  redirectOrigin: string;
}

export interface Consent {
  directory: Directory;
  /** The credential whose place the connection takes when both slots are full. */
  replaces: string | undefined;
  person: Actor;
  attribution: Attribution;
}

export interface ConsentRefusal {
  organizationId: string;
  /** The one that the connection was for, as far as that was chosen. */
  directoryId: string | undefined;
  attribution: Attribution;
}

export function createConnectionRequests(deps: {
  clients: Clients;
  connections: Connections;
  pendingRequests: PendingRequests;
  audit: Audit;
}) {
  const { clients, connections, pendingRequests, audit } = deps;

  return {
    /** Leaves a request that oidc-provider found fit with its browser, until a person decides; gives the path of the page for that. */
    keepPending(ctx: KoaContextWithOIDC, { uid, returnTo, params }: Interaction): string {
      const { redirect_uri_omitted: omitted, offline_scope: offlineScope, ...own } = params;
      return pendingRequests.keep(ctx, {
        uid,
        returnTo,
        params: own as PendingRequest['params'],
        ...(omitted !== undefined && { redirectUriOmitted: true }),
        ...(typeof offlineScope === 'string' && { offlineScope }),
      });
    },

    async pending(request: IncomingMessage, response: ServerResponse): Promise<ConnectionRequest | undefined> {
      const found = await pendingRequests.find(request, response);
      const client = found && (await clients.find(found.params.client_id));
      if (!client) return undefined;
      const { uid, params } = found;
      const redirectOrigin = new URL(params.redirect_uri).origin;
      return { uid, client, scopes: scopeOf(found).split(' '), redirectOrigin };
    },

    async approve(
      request: IncomingMessage,
      response: ServerResponse,
      { directory, replaces, person, attribution }: Consent,
    ): Promise<string | undefined> {
      const found = await pendingRequests.find(request, response);
      if (!found) return undefined;
      const { client_id: clientId } = found.params;
      const { redirectUriOmitted, offlineScope } = found;
      const { id: directoryId, organizationId } = directory;
      const { address } = attribution;
      const scope = scopeOf(found);
      const { id: grantId } = await connections.authorize({
        clientId,
        organizationId,
        directoryId,
        scope,
        authorizedBy: person,
        ...(address !== undefined && { address }),
        ...(replaces !== undefined && { replaces }),
        ...(redirectUriOmitted && { redirectUriOmitted }),
        ...(offlineScope !== undefined && { offlineScope }),
      });
      const result = { login: { accountId: directoryId, remember: false }, consent: { grantId } };
      const target = await pendingRequests.settle(found, result);
      if (target !== undefined) {
        const name = (await clients.find(clientId))?.name ?? clientId;
        const data = { clientId, name, replaces };
        await audit.append(audit.event('connection.consented', attribution, { organizationId, directoryId }, data));
      }
      return target;
    },

    async refuse(
      request: IncomingMessage,
      response: ServerResponse,
      { organizationId, directoryId, attribution }: ConsentRefusal,
    ): Promise<string | undefined> {
      const found = await pendingRequests.find(request, response);
      const result = { error: 'access_denied', error_description: 'The connection was not allowed.' };
      const target = found && (await pendingRequests.settle(found, result));
      if (target !== undefined) {
        const data = { clientId: found?.params.client_id, reason: 'access_denied' };
        await audit.append(audit.event('connection.refused', attribution, { organizationId, directoryId }, data));
      }
      return target;
    },
  };
}

function scopeOf({ params: { scope } }: PendingRequest): string {
  return scope ?? SCOPES[0];
}
