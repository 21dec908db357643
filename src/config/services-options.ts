import type { ServicesOptions } from '../plugins/services.js';
import type { Config } from './config.js';

/** The domain's part of the configuration, for the service and the operator's commands. */
export function servicesOptions(config: Config): ServicesOptions {
  return {
    accessTokenSeconds: config.accessTokenSeconds,
    refreshTokenSeconds: config.refreshTokenSeconds,
    refreshTokenAbsoluteSeconds: config.refreshTokenAbsoluteSeconds,
    refreshGraceSeconds: config.refreshGraceSeconds,
    attemptLimits: config.attemptLimits,
    editWindowSeconds: config.editWindowSeconds,
    mentionAllLimit: config.mentionAllLimit,
    botSendsPerSecond: config.limits.botSendsPerSecond,
    adminsReadDirectChats: config.adminsReadDirectChats,
    botCreation: config.botCreation,
    chatCreation: config.chatCreation,
    receiptsLimit: config.receiptsLimit,
    trustedIssuers: config.trustedIssuers,
  };
}
