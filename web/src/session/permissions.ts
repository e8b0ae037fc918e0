/**
 * Which team roles hold a permission: only to hide what would be refused, never to allow anything.
 * The server decides; tests/permissions.test.ts compares this with policies/permissions.toml.
 */
export const ROLES = ['owner', 'admin', 'billing', 'member', 'viewer'] as const;
export type Role = (typeof ROLES)[number];

/** A role's name as the API gives it. One that is not known here may nothing but look. */
export function roleOf(name: string): Role {
  return ROLES.find((role) => role === name) ?? 'viewer';
}

const ALLOWED = {
  'team.update': 'owner admin',
  'team.delete': 'owner',
  'members.update': 'owner admin',
  'members.remove': 'owner admin',
  'invitations.read': 'owner admin',
  'invitations.create': 'owner admin',
  'invitations.revoke': 'owner admin',
  'keys.create': 'owner admin member',
  'keys.any': 'owner admin',
  'management_keys.manage': 'owner admin',
  'body_logging.write': 'owner admin',
  'billing.read': 'owner admin billing viewer',
  'billing.redeem': 'owner admin billing',
  'billing.topup': 'owner admin billing',
  'budgets.read': 'owner admin billing member viewer',
  'budgets.write': 'owner admin billing',
  'logs.read': 'owner admin member viewer',
  'audit.read': 'owner admin',
  'notifications.read': 'owner admin billing member viewer',
  'notifications.write': 'owner admin billing',
  'webhooks.read': 'owner admin',
  'webhooks.write': 'owner admin',
  'own_credentials.read': 'owner admin viewer',
  'own_credentials.write': 'owner admin',
  'routing.read': 'owner admin billing member viewer',
  'routing.write': 'owner admin',
  'logs.bodies.read': 'owner admin',
} as const satisfies Record<string, string>;

export type Permission = keyof typeof ALLOWED;
export const PERMISSIONS: Record<Permission, string> = ALLOWED;

export function holds(role: string | undefined, permission: Permission): boolean {
  return role !== undefined && ALLOWED[permission].split(' ').includes(role);
}

/** The same of the platform's own roles. */
export const PLATFORM_ROLES = ['platform_admin', 'platform_support', 'platform_finance'] as const;

const ON_PLATFORM = {
  'users.read': 'platform_admin platform_support',
  'users.write': 'platform_admin',
  'platform_roles.write': 'platform_admin',
  'teams.read': 'platform_admin platform_support platform_finance',
  'teams.freeze': 'platform_admin platform_finance',
  'ledger.read': 'platform_admin platform_support platform_finance',
  'ledger.grant': 'platform_admin platform_finance',
  'providers.read': 'platform_admin platform_support',
  'providers.write': 'platform_admin',
  'catalogue.read': 'platform_admin platform_support platform_finance',
  'catalogue.write': 'platform_admin',
  'approvals.read': 'platform_admin platform_support platform_finance',
  'approvals.decide': 'platform_admin platform_finance',
  'announcements.write': 'platform_admin',
  'prices.read': 'platform_admin platform_support platform_finance',
  'platform_audit.read': 'platform_admin platform_support',
  'campaigns.read': 'platform_admin platform_support platform_finance',
  'campaigns.write': 'platform_admin platform_finance',
  'system.read': 'platform_admin platform_support',
  'system.write': 'platform_admin',
} as const satisfies Record<string, string>;

export type PlatformPermission = keyof typeof ON_PLATFORM;
export const PLATFORM_PERMISSIONS: Record<PlatformPermission, string> = ON_PLATFORM;

export function holdsOnPlatform(role: string | null | undefined, permission: PlatformPermission): boolean {
  return role != null && ON_PLATFORM[permission].split(' ').includes(role);
}
