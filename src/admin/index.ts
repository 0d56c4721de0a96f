/**
 * REST for operators: the admin API under /api/v1, described by /api/openapi.json, readable at /api/docs. One table of operations makes the
 * routes, the checks and the description.
 */
export { createAdmin } from './admin.ts';
