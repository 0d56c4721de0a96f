/**
 * Keeps oidc-provider's own line about the runtime from standard error, since the start says it in ours. The library checks the runtime once,
 * while it is loaded, and asks nothing of it that Node 20.19 does not have (the whole test suite runs there).
 */
const { warn } = console;

console.warn = (...given: unknown[]) => {
  if (!String(given[0]).includes('Unsupported runtime')) warn(...given);
};

/** To be called when the library is there. */
export function restoreWarnings(): void {
  console.warn = warn;
}
