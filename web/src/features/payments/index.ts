export { DocumentsPanel } from './documents-panel';
export { PaymentsPanel } from './payments-panel';
export { ProfilePanel } from './profile-panel';
export { RechargePanel } from './recharge-panel';
export { TopUpPanel } from './top-up-panel';
