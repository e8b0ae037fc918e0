export { KeysPage } from './keys-page';
export { useKeys } from './api';
