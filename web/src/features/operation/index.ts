export { QueuesPage } from './queues-page';
export { SystemPage } from './system-page';
