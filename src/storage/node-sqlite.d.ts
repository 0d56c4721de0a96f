/** As much of Node's own SQLite as is used: the types for Node 20 don't know it. */
declare module 'node:sqlite' {
  export class StatementSync {
    setReturnArrays(enabled: boolean): void;
    get(...values: (string | number)[]): unknown;
    all(...values: (string | number)[]): unknown[];
    run(...values: (string | number)[]): { changes: number | bigint };
    columns(): unknown[];
  }

  export class DatabaseSync {
    constructor(path: string, options?: { readOnly?: boolean });
    readonly isTransaction: boolean;
    prepare(sql: string): StatementSync;
    exec(sql: string): void;
    close(): void;
  }
}
