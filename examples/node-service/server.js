import { serve } from '@hono/node-server';
import { Hono } from 'hono';

const app = new Hono();
app.get('/', (context) => context.json({ service: 'node-service', node: process.version, uid: process.getuid() }));
app.get('/healthz', (context) => context.text('ok'));

const server = serve({ fetch: app.fetch, port: 8080 }, ({ port }) => console.log(`listening on port ${port}`));

// The first process of a container has no default reaction to a signal.
process.on('SIGTERM', () => server.close(() => process.exit(0)));
