export { type Group, GROUPS, type Period, PERIODS, spanOf, useLatency, useUsage } from './api';
export { Breakdown } from './breakdown';
export { Dashboard, PeriodControl } from './dashboard';
export { Sessions } from './sessions';
export { Figures } from './tiles';
export { Trend } from './trend';
