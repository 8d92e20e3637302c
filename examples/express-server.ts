import express from 'express';
import { auditLogin, auditLogout, auditSettingsChange, close, configureAuditClient, stats } from 'flagtrail/client';

// A web server without a logger, so that flagtrail/client writes to the console. The functions of flagtrail/client can be used
// anywhere, even before the client is configured. Run it with
//   FLAGTRAIL_URL=http://127.0.0.1:4000 FLAGTRAIL_TOKEN=… npm run example:express
// and then
//   curl -X POST http://127.0.0.1:3000/login -H 'content-type: application/json' -d '{"userId":"jo"}'

configureAuditClient({
  url: process.env.FLAGTRAIL_URL ?? 'http://127.0.0.1:4000',
  token: () => process.env.FLAGTRAIL_TOKEN ?? '',
});

const workspaceId = 'workspace-1';
const themes = new Map<string, string>();

const app = express();
app.use(express.json());
app.post('/login', (request, response) => {
  const { userId } = request.body;
  auditLogin(userId, workspaceId, request.ip);
  response.json({ userId });
});
app.post('/logout', (request, response) => {
  auditLogout(request.body.userId, workspaceId);
  response.sendStatus(204);
});
app.put('/theme', (request, response) => {
  const { userId, theme } = request.body;
  auditSettingsChange(userId, workspaceId, 'theme', themes.get(userId) ?? null, theme);
  themes.set(userId, theme);
  response.json({ theme });
});

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  process.stdout.write(`listening: ${JSON.stringify(server.address())}\n`);
});

// First ends the current requests, which can still record events; then sends what they recorded.
const stop = () => server.close(() => void close(5000).then(() => process.stdout.write(`stopped: ${JSON.stringify(stats())}\n`)));
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
