import type { actorTypes, roles } from '../../access/model/actor.ts';
import { builder } from '../builder.ts';

export const ActorType = builder.enumType('ActorType', {
  description: 'The kinds of actors.',
  values: {
    USER: { description: 'A person.' },
    SERVICE_ACCOUNT: { description: "Another service that acts in its own name, or one of Flagtrail's commands." },
    SYSTEM: { description: 'Flagtrail itself: the worker, the audit pipeline.' },
    API: { description: 'An API key.' },
  } as const satisfies Record<(typeof actorTypes)[number], { description: string }>,
});

export const Role = builder.enumType('Role', {
  description: 'What a token or an API key may do.',
  values: {
    ADMIN: { description: 'Everything.' },
    AUDITOR: { description: 'Reads everything, changes nothing.' },
    AUDIT_WRITER: { description: 'Records events of other applications.' },
  } as const satisfies Record<(typeof roles)[number], { description: string }>,
});
