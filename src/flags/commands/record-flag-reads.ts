import type { Caller } from '../../access/model/actor.ts';
import type { AuditLogger } from '../../audit/ports/audit-logger.ts';
import type { Flag } from '../model/flag.ts';
import { type AuditableRead, type FlagExport, flagsExported, flagViewed } from '../model/flag-reads.ts';

type Deps = {
  audit: AuditLogger;
  audited: readonly AuditableRead[];
};

/** Records who viewed or exported flags, if AUDIT_READS asks for it. Neither function waits. */
export const makeRecordFlagReads = ({ audit, audited }: Deps) => ({
  recordFlagViewed: (caller: Caller, flag: Pick<Flag, 'id' | 'key'>): void => {
    if (audited.includes('viewed')) audit.logEvent(flagViewed(caller, flag));
  },
  recordFlagsExported: (caller: Caller, exported: FlagExport): void => {
    if (audited.includes('exported')) audit.logEvent(flagsExported(caller, exported));
  },
});
