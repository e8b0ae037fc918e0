export { Playground } from './playground-page';
