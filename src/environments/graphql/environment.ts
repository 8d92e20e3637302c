import { builder, requires } from '../../graphql/builder.ts';
import type { Environment } from '../model/environment.ts';

export const EnvironmentType = builder.objectRef<Environment>('Environment').implement({
  description:
    'A place where applications run: each flag has a state of its own in it. production, staging and development exist from the start.',
  fields: (t) => ({
    key: t.exposeString('key', { description: 'The key that other fields and arguments refer to it by.' }),
    name: t.exposeString('name', { description: 'Its name, for people.' }),
    enabled: t.exposeBoolean('enabled', {
      description:
        'Whether schedules work in it. In a disabled environment no schedules can be created, and those that become due fail.',
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
