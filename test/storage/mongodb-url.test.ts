import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkMongodbUrl } from '../../src/storage/mongodb-connection.ts';

const HOSTS = 'mongodb://latchkey:PASSWORD@db1,db2,db3:27018';

describe('the URL of a MongoDB', () => {
  for (const url of [
    `${HOSTS}/latchkey?replicaSet=rs0`,
    `${HOSTS}/latchkey?replicaSet=rs0&authSource=admin&tls=true&tlsCAFile=/etc/ca.pem`,
    'mongodb+srv://latchkey:PASSWORD@cluster0.example.net/latchkey?retryWrites=true&w=majority&appName=Cluster0',
    'mongodb://127.0.0.1:27017/latchkey?directConnection=true&journal=true',
  ]) {
    it(`may be ${url}`, () => checkMongodbUrl(url));
  }

  for (const option of [
    'w=1',
    'w=0',
    'W=2',
    'journal=false',
    'j=false',
    'readPreference=secondary',
    'readPreference=primaryPreferred',
    'readConcernLevel=local',
    'retryWrites=false',
    'retryReads=false',
  ]) {
    it(`cannot weaken anything by ${option}`, () => {
      assert.throws(
        () => checkMongodbUrl(`${HOSTS}/latchkey?${option}`),
        new RegExp(`its option ${option} would weaken`),
      );
    });
  }

  for (const option of [
    'wtimeoutMS=100',
    'socketTimeoutMS=1',
    'maxStalenessSeconds=90',
    'tlsInsecure=true',
    'tlsAllowInvalidCertificates=true',
    'loadBalanced=true',
    'enableUtf8Validation=false',
  ]) {
    it(`takes no ${option}`, () => {
      const name = option.split('=')[0];
      assert.throws(() => checkMongodbUrl(`${HOSTS}/latchkey?${option}`), new RegExp(`its option ${name} is not one`));
    });
  }

  it('names a database', () => {
    for (const url of [HOSTS, `${HOSTS}/`, `${HOSTS}/?replicaSet=rs0`]) {
      assert.throws(() => checkMongodbUrl(url), /names no database/);
    }
  });

  it('is a URL, and its password is not told', () => {
    for (const url of [
      'mongodb://',
      'mongodb://user:PASSWORD@/x',
      'mongodb+srv://u:PASSWORD@a,b/x',
      `${HOSTS}/latchkey?w=1`,
      `${HOSTS}`,
    ]) {
      assert.throws(
        () => checkMongodbUrl(url),
        (error: Error) => !error.message.includes('PASSWORD'),
        url,
      );
    }
  });
});
