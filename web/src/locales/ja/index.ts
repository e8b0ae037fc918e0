import '@fontsource-variable/noto-sans-jp/wght.css';

import app from './app.json';
import errors from './errors.json';
import auth from './auth.json';
import home from './home.json';
import keys from './keys.json';
import members from './members.json';
import ledger from './ledger.json';
import budgets from './budgets.json';
import profile from './profile.json';
import playground from './playground.json';
import models from './models.json';
import logs from './logs.json';
import usage from './usage.json';
import redeem from './redeem.json';
import audit from './audit.json';
import settings from './settings.json';
import customers from './customers.json';
import campaigns from './campaigns.json';
import smoke from './smoke.json';
import prices from './prices.json';
import providers from './providers.json';
import approvals from './approvals.json';
import payments from './payments.json';

export default { app, errors, auth, home, keys, members, ledger, budgets, profile, playground, models, logs, usage, redeem, audit, settings, customers, campaigns, smoke, prices, providers, approvals, payments };
