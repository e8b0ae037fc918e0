export { BalancePanel } from './balance-panel';
export { EntriesPanel } from './entries-panel';
