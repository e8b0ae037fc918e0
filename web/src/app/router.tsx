import type { QueryClient } from '@tanstack/react-query';
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
} from '@tanstack/react-router';

import { logSearch } from '~/features/logs/search';
import { withPeriod, withUsage } from '~/features/usage/search';
import { need } from '~/i18n';
import { Loading } from '~/ui/states';

import { Crashed, Landing, Missing } from './landing';
import { withModel, withNext } from './search';
import { TeamLayout } from './team-layout';

const root = createRootRouteWithContext<{ client: QueryClient }>()({ notFoundComponent: Missing });
const guest = createRoute({ getParentRoute: () => root, id: 'guest', component: lazyRouteComponent(() => import('./guest-layout'), 'GuestLayout') });
const shell = createRoute({
  getParentRoute: () => root,
  id: 'shell',
  loader: () => need('team'),
  component: lazyRouteComponent(() => import('./shell'), 'Shell'),
});

const auth = () => import('~/features/auth');
const guestPages = [
  createRoute({
    getParentRoute: () => guest,
    path: '/sign-in',
    validateSearch: withNext,
    component: lazyRouteComponent(auth, 'SignInPage'),
  }),
  createRoute({
    getParentRoute: () => guest,
    path: '/sign-up',
    component: lazyRouteComponent(auth, 'SignUpPage'),
  }),
  createRoute({ getParentRoute: () => guest, path: '/reset-password', component: lazyRouteComponent(auth, 'ResetPasswordPage') }),
  createRoute({ getParentRoute: () => guest, path: '/verify-email', component: lazyRouteComponent(auth, 'VerifyEmailPage') }),
  createRoute({
    getParentRoute: () => guest,
    path: '/invitations/accept',
    component: lazyRouteComponent(auth, 'InvitationPage'),
  }),
] as const;

const landing = createRoute({ getParentRoute: () => root, path: '/', component: Landing });
const newTeam = createRoute({
  getParentRoute: () => shell,
  path: '/teams/new',
  component: lazyRouteComponent(() => import('~/features/home'), 'NewTeamPage'),
});
const profile = createRoute({
  getParentRoute: () => shell,
  path: '/profile',
  component: lazyRouteComponent(() => import('~/features/profile'), 'ProfilePage'),
});
const team = createRoute({ getParentRoute: () => shell, path: '/teams/$teamId', component: TeamLayout });
const teamPages = [
  createRoute({
    getParentRoute: () => team,
    path: '/',
    component: lazyRouteComponent(() => import('~/features/home'), 'HomePage'),
  }),
  createRoute({
    getParentRoute: () => team,
    path: '/keys',
    component: lazyRouteComponent(() => import('~/features/keys'), 'KeysPage'),
  }),
  createRoute({
    getParentRoute: () => team,
    path: '/dashboard',
    validateSearch: withUsage,
    component: lazyRouteComponent(() => import('./dashboard-page'), 'DashboardPage'),
  }),
  createRoute({
    getParentRoute: () => team,
    path: '/logs',
    validateSearch: logSearch,
    component: lazyRouteComponent(() => import('./logs-page'), 'LogsPage'),
  }),
  createRoute({
    getParentRoute: () => team,
    path: '/logs/$requestId',
    component: lazyRouteComponent(() => import('./log-page'), 'LogPage'),
  }),
  createRoute({
    getParentRoute: () => team,
    path: '/sessions',
    validateSearch: withPeriod,
    component: lazyRouteComponent(() => import('./sessions-page'), 'SessionsPage'),
  }),
  createRoute({
    getParentRoute: () => team,
    path: '/audit',
    component: lazyRouteComponent(() => import('./audit-page'), 'AuditPage'),
  }),
  createRoute({
    getParentRoute: () => team,
    path: '/settings',
    component: lazyRouteComponent(() => import('~/features/settings'), 'SettingsPage'),
  }),
  createRoute({
    getParentRoute: () => team,
    path: '/playground',
    validateSearch: withModel,
    component: lazyRouteComponent(() => import('./playground-page'), 'PlaygroundPage'),
  }),
  createRoute({
    getParentRoute: () => team,
    path: '/models',
    validateSearch: withModel,
    component: lazyRouteComponent(() => import('~/features/models'), 'ModelsPage'),
  }),
  createRoute({
    getParentRoute: () => team,
    path: '/members',
    component: lazyRouteComponent(() => import('~/features/members'), 'MembersPage'),
  }),
  createRoute({
    getParentRoute: () => team,
    path: '/balance',
    component: lazyRouteComponent(() => import('./balance-page'), 'BalancePage'),
  }),
  createRoute({
    getParentRoute: () => team,
    path: '/billing',
    component: lazyRouteComponent(() => import('./billing-page'), 'BillingPage'),
  }),
  createRoute({
    getParentRoute: () => team,
    path: '/credentials',
    component: lazyRouteComponent(() => import('~/features/own'), 'OwnPage'),
  }),
] as const;

const admin = createRoute({
  getParentRoute: () => shell,
  path: '/admin',
  loader: () => need('desk'),
  validateSearch: withPeriod,
  component: lazyRouteComponent(() => import('./admin/layout'), 'AdminLayout'),
});
const adminPages = [
  createRoute({
    getParentRoute: () => admin,
    path: '/',
    component: lazyRouteComponent(() => import('./admin/overview-page'), 'OverviewPage'),
  }),
  createRoute({
    getParentRoute: () => admin,
    path: '/teams',
    component: lazyRouteComponent(() => import('~/features/customers'), 'TeamsPage'),
  }),
  createRoute({
    getParentRoute: () => admin,
    path: '/users',
    component: lazyRouteComponent(() => import('~/features/customers'), 'UsersPage'),
  }),
  createRoute({
    getParentRoute: () => admin,
    path: '/providers',
    component: lazyRouteComponent(() => import('~/features/providers'), 'ProvidersPage'),
  }),
  createRoute({
    getParentRoute: () => admin,
    path: '/prices',
    component: lazyRouteComponent(() => import('~/features/prices'), 'PricesPage'),
  }),
  createRoute({
    getParentRoute: () => admin,
    path: '/campaigns',
    component: lazyRouteComponent(() => import('~/features/campaigns'), 'CampaignsPage'),
  }),
  createRoute({
    getParentRoute: () => admin,
    path: '/approvals',
    component: lazyRouteComponent(() => import('~/features/approvals'), 'ApprovalsPage'),
  }),
  createRoute({
    getParentRoute: () => admin,
    path: '/smoke',
    component: lazyRouteComponent(() => import('~/features/smoke'), 'SmokePage'),
  }),
  createRoute({
    getParentRoute: () => admin,
    path: '/audit',
    component: lazyRouteComponent(() => import('./admin/audit-page'), 'PlatformAuditPage'),
  }),
  createRoute({
    getParentRoute: () => admin,
    path: '/models',
    component: lazyRouteComponent(() => import('~/features/offers'), 'OffersPage'),
  }),
  createRoute({
    getParentRoute: () => admin,
    path: '/routing',
    component: lazyRouteComponent(() => import('~/features/routing'), 'RoutingPage'),
  }),
  createRoute({
    getParentRoute: () => admin,
    path: '/announcements',
    component: lazyRouteComponent(() => import('~/features/announcements/editor-page'), 'EditorPage'),
  }),
  createRoute({
    getParentRoute: () => admin,
    path: '/checks',
    component: lazyRouteComponent(() => import('~/features/operation'), 'QueuesPage'),
  }),
  createRoute({
    getParentRoute: () => admin,
    path: '/system',
    component: lazyRouteComponent(() => import('~/features/operation'), 'SystemPage'),
  }),
] as const;
const status = createRoute({
  getParentRoute: () => guest,
  path: '/status',
  component: lazyRouteComponent(() => import('./status-page'), 'StatusPage'),
});

const tree = root.addChildren([
  landing,
  guest.addChildren([...guestPages, status]),
  shell.addChildren([newTeam, profile, admin.addChildren(adminPages), team.addChildren(teamPages)]),
]);

export function newRouter(client: QueryClient) {
  return createRouter({
    routeTree: tree,
    context: { client },
    defaultPreload: 'intent',
    defaultPendingComponent: Loading,
    defaultErrorComponent: Crashed,
    defaultNotFoundComponent: Missing,
    scrollRestoration: true,
  });
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof newRouter>;
  }
}
