/** The engines that a test of both runs on, each with stores of its own. */

import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import type { Clock } from '../../src/clock.ts';
import { openStorage, type Storage } from '../../src/storage/index.ts';

export const silent = pino({ level: 'silent' });

export interface Place {
  url: string;
  open(clock: Clock): Promise<Storage>;
  remove(): Promise<void>;
}

export interface Engine {
  name: 'sqlite' | 'mongodb';
  /** A new, empty store. */
  place(): Place;
}

const sqlite: Engine = {
  name: 'sqlite',
  place() {
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-sqlite-'));
    return place(`file:${folder}`, async () => rmSync(folder, { recursive: true, force: true }));
  },
};

const mongodb = (server: string): Engine => ({
  name: 'mongodb',
  place() {
    const url = databaseUrl(server, `t${randomUUID().replaceAll('-', '').slice(0, 16)}`);
    return place(url, async () => {
      const { default: mongoose } = await import('mongoose');
      const connection = await mongoose.createConnection(url).asPromise();
      await connection.dropDatabase();
      await connection.close();
    });
  },
});

function place(url: string, remove: () => Promise<void>): Place {
  return { url, open: (clock) => openStorage({ url, clock, log: silent }), remove };
}

function databaseUrl(server: string, name: string): string {
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}

const server = process.env['LATCHKEY_TEST_MONGODB_URL'];

export const engines: readonly Engine[] = server ? [sqlite, mongodb(server)] : [sqlite];
