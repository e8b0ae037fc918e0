export { exportUrl, type LogDetail, logSearch, type LogSearch, useLog } from './api';
export { LogFilters } from './filters';
export { LogSections } from './log-detail';
export { LogsPanel } from './logs-panel';
export { RequestCost } from './request-cost';
export { Views } from './views';
