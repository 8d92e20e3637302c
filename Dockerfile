# syntax=docker/dockerfile:1
#
# Flagtrail as an image: `docker build --tag flagtrail .`; compose.yaml runs it. docs/operations.md says how to operate it.
# test/packaging runs these very instructions, without Docker. For that, every RUN keeps to paths below its WORKDIR.

FROM node:26-slim AS build
WORKDIR /app
COPY package.json package-lock.json prisma.config.ts ./
COPY prisma prisma
COPY scripts/generate-client.js scripts/
# It generates the Prisma client, too.
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build

FROM node:26-slim AS production
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund
WORKDIR /data

FROM node:26-slim
# The service needs Node alone. A package manager would be a tool for whoever breaks in.
WORKDIR /usr/local
RUN rm -r bin/npm bin/npx lib/node_modules include

WORKDIR /app
COPY LICENSE package.json ./
COPY prisma/migrations prisma/migrations
COPY --from=production /app/node_modules node_modules
COPY --from=build /app/dist dist
# Everything else belongs to root and is only read: the root file system can be mounted read-only.
COPY --from=production --chown=1000:1000 /data /data
VOLUME /data

# PORT is set for workers, too: it is what makes them answer the health check.
ENV NODE_ENV=production HOST=0.0.0.0 PORT=4000 DATA_DIR=/data
EXPOSE 4000
# The user `node`, by number: Kubernetes' runAsNonRoot takes no name.
USER 1000:1000
STOPSIGNAL SIGTERM
# Whether the process is alive. Whether it is ready (/readyz) is for load balancers: a restart does not bring a database back.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --start-interval=1s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.PORT + '/healthz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# No shell in between: Node gets the signals.
ENTRYPOINT ["node", "--disable-warning=ExperimentalWarning", "dist/main.js"]
CMD ["serve"]

# At the end: a new version keeps the layers above.
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Flagtrail" \
  org.opencontainers.image.description="Feature flags that change on schedule, with an append-only log of who did what" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.version="$VERSION" \
  org.opencontainers.image.revision="$REVISION"
