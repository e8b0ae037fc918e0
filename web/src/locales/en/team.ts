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
import payments from './payments.json';
import own from './own.json';

export default { home, keys, members, ledger, budgets, profile, playground, models, logs, usage, redeem, audit, settings, payments, own };
