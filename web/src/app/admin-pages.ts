import type { TextKey } from '~/i18n/use-words';
import { holdsOnPlatform, type PlatformPermission } from '~/session/permissions';
import { IconActivity, IconBox, IconBuilding, IconChartBar, IconCircleCheck, IconClipboardList, IconCoin, IconGift, IconHeartRateMonitor, IconRoute, IconScale, IconServer, IconSpeakerphone, IconUsers } from '~/ui/icons';

export const ADMIN_PAGES = [
  { to: '/admin', name: 'app:admin.overview', icon: IconChartBar, needs: 'system.read' },
  { to: '/admin/teams', name: 'app:admin.teams', icon: IconBuilding, needs: 'teams.read' },
  { to: '/admin/users', name: 'app:admin.users', icon: IconUsers, needs: 'users.read' },
  { to: '/admin/providers', name: 'app:admin.providers', icon: IconServer, needs: 'providers.read' },
  { to: '/admin/models', name: 'app:admin.models', icon: IconBox, needs: 'catalogue.read' },
  { to: '/admin/routing', name: 'app:admin.routing', icon: IconRoute, needs: 'catalogue.read' },
  { to: '/admin/prices', name: 'app:admin.prices', icon: IconCoin, needs: 'prices.read' },
  { to: '/admin/campaigns', name: 'app:admin.campaigns', icon: IconGift, needs: 'campaigns.read' },
  { to: '/admin/approvals', name: 'app:admin.approvals', icon: IconCircleCheck, needs: 'approvals.read' },
  { to: '/admin/announcements', name: 'app:admin.announcements', icon: IconSpeakerphone, needs: 'announcements.write' },
  { to: '/admin/smoke', name: 'app:admin.smoke', icon: IconActivity, needs: 'system.read' },
  { to: '/admin/checks', name: 'app:admin.checks', icon: IconScale, needs: 'ledger.read' },
  { to: '/admin/system', name: 'app:admin.system', icon: IconHeartRateMonitor, needs: 'system.read' },
  { to: '/admin/audit', name: 'app:admin.audit', icon: IconClipboardList, needs: 'platform_audit.read' },
] as const satisfies readonly { to: string; name: TextKey; icon: typeof IconUsers; needs: PlatformPermission }[];

/** The pages of the platform's people. */
export function adminPagesFor(role: string | null) {
  return ADMIN_PAGES.filter(({ needs }) => holdsOnPlatform(role, needs));
}
