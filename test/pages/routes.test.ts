/** Where forms stand, and where they lead. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { placed } from '../../src/pages/routes.ts';
import type { Route } from '../../src/pages/visit.tsx';

const HOME = '/dashboard';
const get: NonNullable<Route['get']> = async () => ({ title: 'A page', children: null });
const ask: NonNullable<Route['ask']> = async () => ({ title: 'Delete it', trail: [], text: null });
const does = async () => undefined;
const action = 'directories.change';

const routes = placed(HOME, [
  { path: '/things', action, get },
  { path: '/things/:id', action, get },
  { path: '/things/:id', action, does },
  { path: '/things/:id/enable', action, does },
  { path: '/things/:id/parts/:partId/end', action, does },
  { path: '/things/:id/delete', action, ask, does },
  { path: '/elsewhere/:id/end', action, does },
  { path: '/elsewhere/:id/parts', action, on: '/things/:id', does },
  { path: '/elsewhere/:id/delete', action, on: '/things/:id', ask, does },
]);

function formAt(path: string) {
  const route = routes.find((one) => one.path === path && one.does !== undefined);
  assert.ok(route);
  return { standsOn: route.standsOn, leadsTo: route.leadsTo };
}

describe('the form of a route', () => {
  it('stands on the page with its own address, and leads back to it', () => {
    assert.deepEqual(formAt('/things/:id'), { standsOn: '/things/:id', leadsTo: '/things/:id' });
  });

  it('without such a page, stands on the nearest one above and leads there', () => {
    const above = { standsOn: '/things/:id', leadsTo: '/things/:id' };
    assert.deepEqual(formAt('/things/:id/enable'), above);
    assert.deepEqual(formAt('/things/:id/parts/:partId/end'), above);
  });

  it('of a question stands on the question, and leads to the page above', () => {
    assert.deepEqual(formAt('/things/:id/delete'), { standsOn: '/things/:id/delete', leadsTo: '/things/:id' });
  });

  it('belongs to the page that is named, instead of the nearest one', () => {
    assert.deepEqual(formAt('/elsewhere/:id/parts'), { standsOn: '/things/:id', leadsTo: '/things/:id' });
    assert.deepEqual(formAt('/elsewhere/:id/delete'), { standsOn: '/elsewhere/:id/delete', leadsTo: '/things/:id' });
  });

  it('with no page above stands on the home of its face', () => {
    assert.deepEqual(formAt('/elsewhere/:id/end'), { standsOn: '', leadsTo: '' });
  });
});
