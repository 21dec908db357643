import type { Config } from './config.js';
import type { ServicesOptions } from './plugins/services.js';

/** What the domain is told of the configuration, by the service and by the operator's commands alike. */
export function servicesOptions(config: Config): ServicesOptions {
  return {
    accessTokenSeconds: config.accessTokenSeconds,
    refreshTokenSeconds: config.refreshTokenSeconds,
    refreshTokenAbsoluteSeconds: config.refreshTokenAbsoluteSeconds,
    refreshGraceSeconds: config.refreshGraceSeconds,
    attemptLimits: config.attemptLimits,
  };
}
