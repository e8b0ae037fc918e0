import customers from './customers.json';
import campaigns from './campaigns.json';
import smoke from './smoke.json';
import prices from './prices.json';
import providers from './providers.json';
import approvals from './approvals.json';
import offers from './offers.json';
import routing from './routing.json';
import operation from './operation.json';
import announcements from './announcements.json';

export default { customers, campaigns, smoke, prices, providers, approvals, offers, routing, operation, announcements };
