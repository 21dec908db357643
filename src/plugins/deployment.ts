import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { type Deployment, readDeployment } from '../domain/deployment.js';

declare module 'fastify' {
  interface FastifyInstance {
    deployment: Deployment;
  }
}

/** Reads the deployment's scope and key, which separate it from others on the same Redis. */
async function deployment(app: FastifyInstance) {
  app.decorate('deployment', await readDeployment(app.db));
}

export default fp(deployment, { name: 'deployment', dependencies: ['prisma'] });
