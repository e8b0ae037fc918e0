export { AuditPanel } from './audit-panel';
