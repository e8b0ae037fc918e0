export { BudgetsPanel } from './budgets-panel';
