export { OffersPage } from './models-page';
