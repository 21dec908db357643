import { defineConfig } from 'prisma/config';

// For Prisma's own command line. The service reads DATABASE_URL through src/config/config.ts.
export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  datasource: { url: process.env.DATABASE_URL ?? 'postgresql://postgres@127.0.0.1:5432/chat' },
});
