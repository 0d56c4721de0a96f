import type { ServerResponse } from 'node:http';

/** Tells the status of what was answered, once it is. */
export function whenAnswered(response: ServerResponse, tell: (status: number) => void): void {
  response.once('close', () => {
    if (response.headersSent) tell(response.statusCode);
  });
}
