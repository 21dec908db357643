import { fanOutGraphql, fanOutRaw } from './fan-out.js';
import { growthScenarios } from './growth.js';
import { history } from './history.js';
import { idle } from './idle.js';
import { resume } from './resume.js';
import { manyChats } from './rooms.js';
import type { Scenario } from './scenario.js';
import { sendsHttp, sendsRaw } from './sends.js';
import { steady } from './steady.js';

export const scenarios: readonly Scenario[] = [
  fanOutRaw,
  fanOutGraphql,
  steady,
  manyChats,
  sendsHttp,
  sendsRaw,
  idle,
  history,
  resume,
  ...growthScenarios,
];
