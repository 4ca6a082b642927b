# One image for the API and the workers; the command chooses (docker-compose.yml).

FROM node:24.21.0-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# the image brings Node 24 itself, so the optional packages that carry one stay out, and node_modules/.bin holds no second node;
# out stay also the compiler that a package names for its types, and Temporal's core for other platforms
RUN npm ci --omit=dev && \
    rm -rf node_modules/node-linux-* node_modules/.bin/node node_modules/typescript node_modules/@typescript && \
    find node_modules/@temporalio/core-bridge/releases -mindepth 1 -maxdepth 1 \
      ! -name "$(uname -m)-unknown-linux-gnu" -exec rm -rf {} +

FROM node:24.21.0-bookworm-slim AS service
# Temporal's core trusts the certificates of the system, and the slim image has none
RUN apt-get update && \
    apt-get install --yes --no-install-recommends ca-certificates && \
    rm -rf /var/lib/apt/lists/*
ENV NODE_ENV=production
WORKDIR /app
RUN mkdir -p /var/lib/deskferry && chown node:node /var/lib/deskferry
COPY --from=packages /app/node_modules ./node_modules
COPY . .
ENV STORAGE_FOLDER=/var/lib/deskferry
VOLUME /var/lib/deskferry
USER node
EXPOSE 8080
CMD ["node", "api/serve.ts"]
