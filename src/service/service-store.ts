import type { ServiceFacts } from './model/service-facts.ts';
import type { ProcessDetail, ServiceProcess } from './model/service-process.ts';

/** What a process announces. */
type Announcement = Pick<ServiceProcess, 'id' | 'roles' | 'version' | 'host' | 'pid' | 'clockSkewMs'> & {
  detail: ProcessDetail;
};

/** Durable home of what is known of the service's processes, and how the service is. */
export type ServiceStore = {
  /** Notes that a process is alive, and forgets those not seen for a day; gives back what the database's clock said meanwhile. */
  announce(announcement: Announcement): Promise<Date>;
  /** Takes a process that ends off the list. */
  withdraw(id: string): Promise<void>;
  /** Costs the same whatever the tables hold. */
  readFacts(): Promise<ServiceFacts>;
};
