import { serverAudits } from 'graphql-http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type GraphqlApp, startGraphqlApp } from '../../support/graphql-app.js';
import { startOwnServices } from '../../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let app: GraphqlApp;

beforeAll(async () => {
  services = await startOwnServices();
  app = await startGraphqlApp(services);
});

afterAll(async () => {
  await app.close();
  await services.close();
});

/** Every MUST, SHOULD and MAY of the audit that the authors of the specification keep (graphql-http). */
describe('GraphQL over HTTP', () => {
  const audits = serverAudits({ url: () => app.url });

  test('has 61 audits', () => {
    expect(audits).toHaveLength(61);
  });

  for (const audit of audits) {
    test(`${audit.id}: ${audit.name}`, async () => {
      expect(await audit.fn()).toMatchObject({ status: 'ok' });
    });
  }
});
