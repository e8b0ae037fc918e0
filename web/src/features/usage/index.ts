export { spanOf, useLatency, useUsage } from './api';
export { DEFAULT_GROUP, DEFAULT_PERIOD, type Group, type Period } from './search';
export { Breakdown } from './breakdown';
export { Dashboard, PeriodControl } from './dashboard';
export { Sessions } from './sessions';
export { Figures } from './tiles';
export { Trend } from './trend';
