export { exportUrl, useKeptBody, useLog } from './api';
export type { LogSearch } from './search';
export { LogFilters } from './filters';
export { KeptBody } from './kept-body';
export { LogSections } from './log-detail';
export { LogsPanel } from './logs-panel';
export { RequestCost } from './request-cost';
export { Views } from './views';
