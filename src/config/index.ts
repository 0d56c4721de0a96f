/** Settings: one table of what there is, read once, in main. */
export { type Config, ConfigError, type Problem, readConfig, readSources, type SettingSource } from './read-config.ts';
export { SETTING_GROUPS, SETTINGS, type SettingKey, UPSTREAM_CREDENTIAL } from './settings.ts';
