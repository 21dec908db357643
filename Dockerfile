# Downloads only the base image and npm packages.
FROM node:24.22.3-alpine AS build
WORKDIR /app
COPY package.json package-lock.json ./
COPY scripts/no-engines ./scripts/no-engines
RUN npm ci --ignore-scripts
COPY prisma.config.ts ./
COPY prisma ./prisma
COPY scripts ./scripts
COPY src ./src
COPY clients ./clients
COPY web ./web
# --legacy-peer-deps: Prisma's CLI and TypeScript are optional peers of @prisma/client, and npm would keep them.
RUN npm run build && npm prune --omit=dev --legacy-peer-deps --ignore-scripts

FROM node:24.22.3-alpine
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8000
WORKDIR /app
# The embedded database's folder, used without DATABASE_URL. Mount a volume here to keep the data.
RUN mkdir data && chown node:node data
COPY package.json ./
COPY prisma/migrations ./prisma/migrations
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
USER node
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.PORT + '/readyz').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--enable-source-maps", "dist/server.js"]
