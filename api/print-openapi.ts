import { describeRoutes } from './describe-api.ts';
import { openApiDocument } from './openapi.ts';

/** `npm run openapi`: prints the OpenAPI document; PUBLIC_URL is the server it names. */
const publicUrl = (process.env['PUBLIC_URL'] ?? 'http://localhost:8080').replace(/\/+$/, '');
process.stdout.write(`${JSON.stringify(openApiDocument(publicUrl, describeRoutes(publicUrl)), null, 2)}\n`);
