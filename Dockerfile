# One image for the API and the workers; the command chooses (docker-compose.yml).

FROM node:24.21.0-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# the image brings Node 24 itself, so the optional packages that carry one stay out, and node_modules/.bin holds no second node
RUN npm ci --omit=dev && rm -rf node_modules/node-linux-* node_modules/.bin/node

FROM node:24.21.0-bookworm-slim AS service
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
