export { SmokePage } from './smoke-page';
