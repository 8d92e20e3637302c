import { z } from 'zod';
import { auditResults } from '../../audit/model/audit-event.ts';
import { toIssues, type ValidationIssue } from '../../kernel/errors.ts';
import { instant } from '../../kernel/instant.ts';
import { text, toStorableText } from '../../kernel/text.ts';
import { type ApplicationEventType, applicationEventAliases, applicationEventTypeNames } from './event-types.ts';
import { areTooLarge, findSizeIssue, isValueField, recordableJson } from './recordable-json.ts';

/** The most events in one call of recordAuditEvents. */
export const maxRecordedEvents = 500;

type RecordableType = ApplicationEventType | 'audit.loss';
const recordableTypes = new Map<string, RecordableType>([
  ...Object.entries(applicationEventAliases),
  ...[...applicationEventTypeNames, 'audit.loss' as const].map((type) => [type, type] as const),
]);

const knownNames = [...recordableTypes.keys()].join(', ');

/** Many applications put the event's type into `action`. If `type` is given, `action` is free text. */
const typeOf = ({ type, action }: { type: string | null; action: string | null }): RecordableType | undefined =>
  recordableTypes.get(type ?? action ?? '');

const type = z
  .string()
  .refine((name) => recordableTypes.has(name), {
    error: ({ input }) => `is '${String(input).slice(0, 100)}': it must be one of ${knownNames}`,
  })
  .nullish()
  .transform((name) => name ?? null);

/** Text that is compared and looked up. It is never cut, because the result could name something else. */
const exactText = (max: number) =>
  text(1, max)
    .nullish()
    .transform((value) => value ?? null);
const identifier = (what: string, absent?: string) =>
  exactText(255).describe([what, 'At most 255 characters.', absent].filter(Boolean).join(' '));

/** Text that strangers can make up, such as the name in a failed login. Its length must not keep the event out of the log. */
const cutText = (max: number, what: string) =>
  z
    .string()
    .nullish()
    .transform((value) => (value ? toStorableText(value, max) : null))
    .describe(`${what} Text beyond ${max} characters is cut off.`);

const json = (what: string) =>
  recordableJson.describe(
    `${what} Any JSON, nested at most 32 levels deep. details, previousValue and newValue take at most 64 KiB together.`,
  );

const earliest = new Date('2000-01-01T00:00:00Z');
const recentInstant = instant.refine((at) => at >= earliest, `must not be before ${earliest.toISOString()}`);

/**
 * One event of a batch, as another application sends it; null means the same as absent. After parsing every field has a value,
 * null if it had none. The GraphQL input has the same fields and descriptions.
 */
export const auditEventInputSchema = z
  .object({
    id: z
      .uuid('must be a UUID')
      .transform((id) => id.toLowerCase())
      .describe('A UUID that the sender chooses. An event that is sent again with the same id is recorded only once.'),
    type: type.describe(
      `What happened, one of: ${applicationEventTypeNames.join(', ')}; or a short name: ${Object.keys(applicationEventAliases).join(', ')}; or audit.loss, which declares events that the sender lost before it could send them. An audit.loss needs details { count, reason, since, until }, and names no user. Without type, action must be one of these names.`,
    ),
    occurredAt: recentInstant
      .nullish()
      .transform((at) => at ?? null)
      .describe('When it happened: not before the year 2000, and at most five minutes in the future. Without it, now.'),
    userId: identifier(
      'The id of the person who did it.',
      'Without userId, userName and userEmail, the actor is the sender itself.',
    ),
    userName: cutText(255, "The person's name."),
    userEmail: cutText(320, "The person's email address."),
    workspaceId: identifier('The workspace (tenant, organisation) that it concerns.'),
    environment: exactText(64).describe(
      "The environment that it concerns, at most 64 characters. Without it, the service's default environment.",
    ),
    ipAddress: cutText(255, "The person's IP address."),
    userAgent: cutText(512, "The User-Agent of the person's client."),
    sessionId: identifier("The id of the person's session."),
    requestId: identifier("The id of the application's request."),
    action: identifier(
      "What was done, in the application's own words. Without type, it must be one of the names that type allows.",
    ),
    resource: identifier('The kind of thing that was acted on, for example project.'),
    resourceId: identifier('The id of that thing.'),
    details: json('Anything else worth recording.'),
    previousValue: json('The value before.'),
    newValue: json('The value after.'),
    result: z
      .enum(auditResults)
      .nullish()
      .transform((result) => result ?? 'SUCCESS')
      .describe('How it ended. Absent: SUCCESS.'),
    errorMessage: cutText(2000, 'Why it failed or was denied.'),
  })
  .refine(({ resource, resourceId }) => resourceId === null || resource !== null, {
    path: ['resource'],
    message: 'is required with resourceId: it says what kind of thing that is',
  })
  .check(({ value, issues }) => {
    if (value.type !== null || issues.some(({ path }) => path?.[0] === 'action') || typeOf(value)) return;
    const beside = value.action === null ? '' : `, and action '${value.action.slice(0, 100)}' does not stand for it`;
    const message = `is missing${beside}: one of them must be one of ${knownNames}`;
    issues.push({ code: 'custom', input: value, path: ['type'], message });
  })
  .check(({ value, issues }) => {
    // A value that is not JSON has no size.
    if (issues.some(({ path }) => isValueField(path?.[0]))) return;
    const issue = findSizeIssue(value);
    if (issue) issues.push({ code: 'custom', input: value, ...issue });
  });

export type AuditEventInput = z.input<typeof auditEventInputSchema>;

/** The batch. If one of its events is invalid, only that event is refused: see `auditEventInputSchema`. */
export const recordAuditEventsSchema = z.object({
  events: z
    .array(z.custom<AuditEventInput>())
    .min(1, 'must hold at least one event')
    .max(maxRecordedEvents, `must hold at most ${maxRecordedEvents} events`)
    .refine(
      (events) => !areTooLarge(events),
      'must hold at most 2 MiB of JSON in details, previousValue and newValue: send fewer events at a time',
    ),
});
export type RecordAuditEvents = z.infer<typeof recordAuditEventsSchema>;

const maxDeclaredLoss = 1_000_000_000;

/** `details` of an `audit.loss`: events that an application could not deliver. */
const declaredLossSchema = z
  .object({
    count: z.int('must be a whole number').min(1, 'must be 1 or more').max(maxDeclaredLoss, `must be at most ${maxDeclaredLoss}`),
    reason: text(1, 255),
    since: recentInstant,
    until: recentInstant,
  })
  .refine(({ since, until }) => since <= until, { path: ['until'], message: 'must not be before since' });

type Fields = Omit<z.infer<typeof auditEventInputSchema>, 'type' | 'occurredAt'> & { occurredAt: Date };
export type ApplicationEvent = Fields & { type: ApplicationEventType };
export type DeclaredLoss = Fields & { type: 'audit.loss'; loss: z.infer<typeof declaredLossSchema> };

type Read = { ok: true; event: ApplicationEvent | DeclaredLoss } | { ok: false; issues: ValidationIssue[] };

/** How far an application's clock can be ahead of ours. */
const maxAheadMs = 5 * 60_000;

/** Reads one event as of `now`: returns the event, or everything that is wrong with it. */
export const readAuditEvent = (input: AuditEventInput, now: Date): Read => {
  const { data, error } = auditEventInputSchema.safeParse(input);
  if (error) return { ok: false, issues: toIssues(error) };
  const { type: _, occurredAt, ...fields } = data;
  const type = typeOf(data);
  // The schema has already refused events without a type.
  if (!type) return { ok: false, issues: [{ path: ['type'], message: 'is missing' }] };
  const at = occurredAt ?? now;
  const early = findAheadIssues(['occurredAt'], at, now);
  if (early.length > 0) return { ok: false, issues: early };
  if (type !== 'audit.loss') return { ok: true, event: { ...fields, type, occurredAt: at } };

  const loss = declaredLossSchema.safeParse(fields.details);
  const issues = [
    ...findPersonIssues(fields),
    ...(loss.error ? toIssues(loss.error, ['details']) : findAheadIssues(['details', 'until'], loss.data.until, now)),
  ];
  if (issues.length > 0 || !loss.data) return { ok: false, issues };
  return { ok: true, event: { ...fields, type, occurredAt: at, loss: loss.data } };
};

const findAheadIssues = (path: string[], at: Date, now: Date): ValidationIssue[] => {
  if (at.getTime() - now.getTime() <= maxAheadMs) return [];
  return [{ path, message: `is ${at.toISOString()}: it must be at most five minutes after now, ${now.toISOString()}` }];
};

/** A loss belongs to its sender, who cannot declare one in another person's name. */
const findPersonIssues = (fields: Pick<Fields, 'userId' | 'userName' | 'userEmail'>): ValidationIssue[] =>
  (['userId', 'userName', 'userEmail'] as const)
    .filter((field) => fields[field] !== null)
    .map((field) => ({
      path: [field],
      message: 'must be absent: an audit.loss is declared by its sender, not in the name of a user',
    }));
