import type { TextKey } from '~/i18n/use-words';
import { holds, type Permission } from '~/session/permissions';
import {
  IconBox,
  IconHome,
  IconKey,
  IconMessages,
  IconUsers,
  IconWallet,
} from '~/ui/icons';

type Icon = typeof IconHome;

type TeamPath = `/teams/$teamId${'' | `/${'playground' | 'models' | 'keys' | 'balance' | 'members'}`}`;

export interface TeamPage {
  to: TeamPath;
  name: TextKey;
  icon: Icon;
  /** One of these is needed to see anything there. */
  needs?: Permission[];
}

/** The pages of a team, in the order of the menu; the command palette offers the same. */
export const TEAM_PAGES: TeamPage[] = [
  { to: '/teams/$teamId', name: 'app:nav.home', icon: IconHome },
  { to: '/teams/$teamId/playground', name: 'app:nav.playground', icon: IconMessages, needs: ['keys.create'] },
  { to: '/teams/$teamId/models', name: 'app:nav.models', icon: IconBox, needs: ['keys.create'] },
  { to: '/teams/$teamId/keys', name: 'app:nav.keys', icon: IconKey },
  { to: '/teams/$teamId/balance', name: 'app:nav.balance', icon: IconWallet, needs: ['billing.read', 'budgets.read'] },
  { to: '/teams/$teamId/members', name: 'app:nav.members', icon: IconUsers },
];

export function pagesFor(role: string): TeamPage[] {
  return TEAM_PAGES.filter(({ needs }) => needs === undefined || needs.some((each) => holds(role, each)));
}
