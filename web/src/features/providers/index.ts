export { ProvidersPage } from './providers-page';
