import type { ServiceFacts } from '../model/service-facts.ts';
import type { ProcessDetail, ServiceProcess } from '../model/service-process.ts';

/** What a process announces about itself. */
type Announcement = Pick<ServiceProcess, 'id' | 'roles' | 'version' | 'host' | 'pid' | 'clockSkewMs'> & {
  detail: ProcessDetail;
};

/** Durable storage of what is known about the service's processes, and of the service's state. */
export type ServiceStore = {
  /** Stores that a process is alive, and removes those not seen for a day. Returns the time by the database's clock. */
  announce(announcement: Announcement): Promise<Date>;
  /** Removes a process that ends from the list. */
  withdraw(id: string): Promise<void>;
  /** Costs the same, however large the tables are. */
  readFacts(): Promise<ServiceFacts>;
};
