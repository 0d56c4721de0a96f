/** How long a MongoDB server is waited for, in milliseconds. */
export interface Patience {
  /** One operation of a request, in all. */
  operationMs: number;
  /** The server's own work on a linearizable read: less than an operation, so that no read holds a connection that nobody waits for. */
  linearizableMs: number;
  /** Finding a primary, and connecting to it. */
  selectionMs: number;
  /** Between two looks at the servers. */
  heartbeatMs: number;
}

/** No operation outlives 3.5 s, so that a request is answered within 5 s whatever the store does. */
export const PATIENCE: Patience = { operationMs: 3500, linearizableMs: 3000, selectionMs: 2500, heartbeatMs: 2000 };
