# Latchkey in a container: built with everything, run with what it needs.
FROM node:24-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build

FROM node:24-slim AS dependencies
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund

FROM node:24-slim
ENV NODE_ENV=production
# All addresses of the container; which of them the world reaches is for whoever runs it to say.
ENV LATCHKEY_HOST=0.0.0.0
WORKDIR /app
COPY --from=dependencies /build/node_modules ./node_modules
COPY --from=build /build/dist ./dist
COPY package.json LICENSE ./
# For the embedded store: docker run --volume latchkey-data:/app/data ... With MongoDB nothing is ever written.
RUN mkdir data && chown node:node data && chmod 700 data
USER node
EXPOSE 4400
# Drains on SIGTERM, for LATCHKEY_DRAIN_SECONDS at most.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.LATCHKEY_PORT || 4400}/healthz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--enable-source-maps", "dist/main.js"]
