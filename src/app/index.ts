/** The composition root: makes every part, gives each exactly what it uses, and says where each request and each round goes. */
export { type App, createApp } from './app.ts';
export { smtpOf } from './people.ts';
export { assertNotLost, ensureSecret, openStore, reasonOf, storeFolder, storeOf } from './store.ts';
