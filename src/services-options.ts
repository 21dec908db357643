import type { Config } from './config.js';
import type { ServicesOptions } from './plugins/services.js';

/** A lost answer to a refresh may be asked for again for so long. */
const REFRESH_GRACE_SECONDS = 10;

/** What the domain is told of the configuration, by the service and by the operator's commands alike. */
export function servicesOptions(config: Config): ServicesOptions {
  return {
    accessTokenSeconds: config.accessTokenSeconds,
    refreshTokenSeconds: config.refreshTokenSeconds,
    refreshGraceSeconds: REFRESH_GRACE_SECONDS,
  };
}
