import { builder, requires } from '../../graphql/builder.ts';
import type { Environment } from '../model/environment.ts';

export const EnvironmentType = builder.objectRef<Environment>('Environment').implement({
  description: 'Where flags have a state of their own: production, staging, development exist from the start.',
  fields: (t) => ({
    key: t.exposeString('key', { description: 'What other fields and arguments call it.' }),
    name: t.exposeString('name', { description: 'What people call it.' }),
    enabled: t.exposeBoolean('enabled', {
      description: 'Whether it is in use: a disabled environment takes no new schedules, and due ones fail.',
    }),
  }),
});

builder.queryField('environments', (t) =>
  t.field({
    type: [EnvironmentType],
    description: 'All environments.',
    ...requires('AUDITOR'),
    resolve: (_root, _args, { app }) => app.environments.list(),
  }),
);
