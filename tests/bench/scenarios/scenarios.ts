import { changes } from './changes.js';
import { fanOutGraphql, fanOutHttp, fanOutRaw, fanOutSse } from './fan-out.js';
import { growthScenarios } from './growth.js';
import { history, historyExtras } from './history.js';
import { idle } from './idle.js';
import { resume } from './resume.js';
import { manyChats, manyChatsHttp } from './rooms.js';
import type { Scenario } from './scenario.js';
import { sendsCrowd, sendsHttp, sendsRaw } from './sends.js';
import { steady, steadyHttp } from './steady.js';

export const scenarios: readonly Scenario[] = [
  fanOutRaw,
  fanOutHttp,
  fanOutGraphql,
  fanOutSse,
  steady,
  steadyHttp,
  manyChats,
  manyChatsHttp,
  sendsHttp,
  sendsCrowd,
  sendsRaw,
  changes,
  idle,
  history,
  historyExtras,
  resume,
  ...growthScenarios,
];
