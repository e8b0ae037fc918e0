export { OwnPage } from './own-page';
