export { RedeemPanel } from './redeem-panel';
