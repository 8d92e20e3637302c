/**
 * The reference for applying due schedules: one statement claims states, changes them, marks their schedules and writes one
 * event each, all in the database. It has no failures, retries or supersession.
 */
export const applyBatchSql = `
  WITH due AS MATERIALIZED (
    SELECT d.id, d.flag_id, d.flag_key, d.environment_key, d.scheduled_at, d.updates, s.enabled, s.rollout_percentage, s.version
    FROM feature_flag_schedules d JOIN feature_flag_states s ON s.flag_id = d.flag_id AND s.environment_key = d.environment_key
    WHERE (d.status = 'PENDING' OR d.next_retry_at IS NOT NULL) AND coalesce(d.next_retry_at, d.scheduled_at) <= now()
    ORDER BY coalesce(d.next_retry_at, d.scheduled_at), d.id LIMIT $1 FOR UPDATE OF s, d SKIP LOCKED
  ), latest AS (
    SELECT DISTINCT ON (flag_id, environment_key) * FROM due ORDER BY flag_id, environment_key, scheduled_at DESC, id DESC
  ), states AS (
    UPDATE feature_flag_states s SET enabled = (l.updates ->> 'enabled')::boolean,
      rollout_percentage = (l.updates ->> 'rolloutPercentage')::smallint, version = s.version + 1, updated_at = now(),
      last_set = s.last_set || (SELECT jsonb_object_agg(u.key, jsonb_build_object('bySchedule', jsonb_build_object(
        'schedule', jsonb_build_object('id', l.id, 'scheduledAt', l.scheduled_at), 'at', now(), 'to', u.value, 'version', s.version + 1)))
        FROM jsonb_each(l.updates) u)
    FROM latest l WHERE s.flag_id = l.flag_id AND s.environment_key = l.environment_key
  ), schedules AS (
    UPDATE feature_flag_schedules d SET status = 'APPLIED', applied_at = now(), updated_at = now() FROM due WHERE d.id = due.id
  )
  SELECT count(*)::int AS applied, audit_emit(coalesce(array_agg(event ORDER BY scheduled_at, id), '{}')) AS recorded
  FROM (
    SELECT id, scheduled_at, jsonb_build_object(
      'id', gen_random_uuid(), 'eventType', 'flag_schedule.applied', 'timestamp', now(),
      'actor', jsonb_build_object('type', 'SYSTEM', 'id', 'system', 'name', 'Flagtrail', 'email', NULL),
      'resource', jsonb_build_object('type', 'flag_schedule', 'id', id), 'flagKey', flag_key, 'scheduleId', id,
      'environment', environment_key, 'workspaceId', NULL,
      'previousState', jsonb_build_object('enabled', enabled, 'rolloutPercentage', rollout_percentage, 'version', version),
      'newState', updates || jsonb_build_object('version', version + 1),
      'changes', jsonb_build_array(
        jsonb_build_object('field', 'enabled', 'previousValue', enabled, 'newValue', updates -> 'enabled'),
        jsonb_build_object('field', 'rolloutPercentage', 'previousValue', rollout_percentage, 'newValue', updates -> 'rolloutPercentage'),
        jsonb_build_object('field', 'version', 'previousValue', version, 'newValue', version + 1)),
      'description', 'The scheduled change of flag ''' || flag_key || ''' in ' || environment_key || ' was applied',
      'metadata', jsonb_build_object('scheduleId', id, 'flagKey', flag_key, 'environment', environment_key, 'updates', updates,
        'scheduledAt', scheduled_at, 'appliedAt', now(),
        'latenessMs', floor(extract(epoch FROM now() - scheduled_at) * 1000), 'flagState', updates),
      'allEnvironments', false, 'result', 'SUCCESS', 'errorMessage', NULL, 'requestContext', NULL)::text AS event
    FROM due
  ) events`;
