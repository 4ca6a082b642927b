import type { Api } from './app.ts';
import type { Route } from './route.ts';
import { codecRoutes } from './routes/codec.ts';
import { commandRoutes } from './routes/commands.ts';
import { deskRoutes } from './routes/desk.ts';
import { eraseRoutes } from './routes/erase.ts';
import { fileRoutes } from './routes/files.ts';
import { mappingRoutes } from './routes/mappings.ts';
import { migrationRoutes } from './routes/migrations.ts';
import { portalRoutes } from './routes/portals.ts';
import { previewRoutes } from './routes/preview.ts';
import { progressRoutes } from './routes/progress.ts';
import { queueRoutes } from './routes/queue.ts';
import { replyRoutes } from './routes/replies.ts';
import { sampleRoutes } from './routes/sample.ts';
import { serviceRoutes } from './routes/service.ts';
import { trailRoutes } from './routes/trail.ts';
import { sourceKeyRoutes } from './routes/source-key.ts';
import { undoRoutes } from './routes/undo.ts';
import { uploadRoutes } from './routes/uploads.ts';

/** Every address of the API: what is mounted is what is described. */
export function createRoutes(api: Api): Route[] {
  const routes: Route[] = [
    ...migrationRoutes(api),
    ...fileRoutes(api),
    ...uploadRoutes(api),
    ...mappingRoutes(api),
    ...previewRoutes(api),
    ...deskRoutes(api),
    ...commandRoutes(api),
    ...sourceKeyRoutes(api),
    ...sampleRoutes(api),
    ...undoRoutes(api),
    ...eraseRoutes(api),
    ...replyRoutes(api),
    ...progressRoutes(api),
    ...trailRoutes(api),
    ...queueRoutes(api),
    ...portalRoutes(api),
    ...codecRoutes(api),
  ];
  routes.push(...serviceRoutes(api, () => routes));
  return routes;
}
