import type { TextKey } from '~/i18n/use-words';
import { holds, type Permission } from '~/session/permissions';
import {
  IconBox,
  IconChartBar,
  IconClipboardList,
  IconCreditCard,
  IconHome,
  IconKey,
  IconList,
  IconMessages,
  IconPlug,
  IconSettings,
  IconStack2,
  IconUsers,
  IconWallet,
} from '~/ui/icons';

export const TEAM_PAGES = [
  { to: '/teams/$teamId', name: 'app:nav.home', icon: IconHome },
  { to: '/teams/$teamId/dashboard', name: 'app:nav.dashboard', icon: IconChartBar, needs: ['logs.read'] },
  { to: '/teams/$teamId/logs', name: 'app:nav.logs', icon: IconList, needs: ['logs.read'] },
  { to: '/teams/$teamId/sessions', name: 'app:nav.sessions', icon: IconStack2, needs: ['logs.read'] },
  { to: '/teams/$teamId/playground', name: 'app:nav.playground', icon: IconMessages, needs: ['keys.create'] },
  { to: '/teams/$teamId/models', name: 'app:nav.models', icon: IconBox },
  { to: '/teams/$teamId/keys', name: 'app:nav.keys', icon: IconKey },
  { to: '/teams/$teamId/balance', name: 'app:nav.balance', icon: IconWallet, needs: ['billing.read', 'budgets.read'] },
  { to: '/teams/$teamId/billing', name: 'app:nav.billing', icon: IconCreditCard, needs: ['billing.read'] },
  { to: '/teams/$teamId/credentials', name: 'app:nav.own', icon: IconPlug, needs: ['own_credentials.read'] },
  { to: '/teams/$teamId/members', name: 'app:nav.members', icon: IconUsers },
  { to: '/teams/$teamId/audit', name: 'app:nav.audit', icon: IconClipboardList, needs: ['audit.read'] },
  { to: '/teams/$teamId/settings', name: 'app:nav.settings', icon: IconSettings },
] as const satisfies readonly TeamPage[];

interface TeamPage {
  to: string;
  name: TextKey;
  icon: typeof IconHome;
  /** One of these is needed to see anything there. */
  needs?: readonly Permission[];
}

/** The pages of a team, in the order of the menu; the command palette offers the same. */
export function pagesFor(role: string) {
  return TEAM_PAGES.filter((page) => !('needs' in page) || page.needs.some((each) => holds(role, each)));
}
