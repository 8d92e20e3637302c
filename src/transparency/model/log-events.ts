import type { Caller } from '../../access/model/actor.ts';
import { adminFields, attributedTo } from '../../audit/model/attribution.ts';
import type { OwnEventDraft } from '../../audit/model/own-event-types.ts';
import { type LogPoint, originOf } from './checkpoint.ts';

const resource = { type: 'audit_log', id: 'audit_log' };

/** Another key signs the log from now on; `handover` is a note over its verifier line, by the key before. */
export const keyRotated = (
  admin: Caller,
  keys: { previousKey: string; newKey: string; handover: string },
): OwnEventDraft<'log.key_rotated'> => ({
  eventType: 'log.key_rotated',
  ...attributedTo(admin),
  resource,
  description: `The key ${keys.newKey} signs the log, instead of ${keys.previousKey}`,
  metadata: { ...keys, ...adminFields(admin) },
});

type Epoch = {
  point: LogPoint;
  reason: string;
  signingKey: string;
  /** The furthest checkpoint that the log does not extend; null if there is none. */
  abandoned: LogPoint | null;
};

const inJson = ({ epoch, size, rootHash }: LogPoint) => ({ epoch, size, rootHash: rootHash.toString('base64') });

export const epochStarted = (
  admin: Caller,
  { point, reason, signingKey, abandoned }: Epoch,
): OwnEventDraft<'log.epoch_started'> => {
  const left = abandoned ? `; the checkpoint of ${abandoned.size} entries in epoch ${abandoned.epoch} is abandoned` : '';
  return {
    eventType: 'log.epoch_started',
    ...attributedTo(admin),
    // In clear, so that everybody who reads entries sees that an epoch began, and the signer that it is declared.
    resource: { ...resource, id: originOf(point) },
    description: `Epoch ${point.epoch} of the log began at ${point.size} entries: ${reason}${left}`,
    metadata: { ...inJson(point), reason, signingKey, abandoned: abandoned && inJson(abandoned), ...adminFields(admin) },
  };
};
