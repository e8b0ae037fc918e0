export { Playground } from './playground-page';
export { startOf } from './replay';
