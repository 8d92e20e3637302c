import type { ServiceStatus } from '../model/service-status.ts';

declare module '../../graphql/app.ts' {
  interface App {
    readServiceStatus(): Promise<ServiceStatus>;
  }
}
