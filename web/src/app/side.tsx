import { Menu, UnstyledButton } from '@mantine/core';
import { Link, useLocation, useNavigate } from '@tanstack/react-router';

import { useWords } from '~/i18n/use-words';
import { api } from '~/api/client';
import { useForget, useMe } from '~/session/me';
import { roleOf } from '~/session/permissions';
import { Brand } from '~/ui/brand';
import {
  IconBook,
  IconCheck,
  IconChevronLeft,
  IconLogout,
  IconPlus,
  IconSelector,
  IconTool,
  IconUserCircle,
} from '~/ui/icons';
import { docsUrl } from '~/ui/links';
import { useNotices } from '~/ui/notices';
import { LanguageSelect, ThemeControl } from '~/ui/preferences';

import { adminPagesFor } from './admin-pages';
import { useCurrentTeam } from './current-team';
import css from './layout.module.css';
import { pagesFor } from './pages';
import { Palette } from './palette';

export function SideContent() {
  const { t, language } = useWords();
  const { pathname } = useLocation();
  return (
    <>
      <Link to="/" className={css.sideBrand} aria-label={t('app:nav.start')} style={{ textDecoration: 'none' }}>
        <Brand />
      </Link>
      <TeamPicker />
      <Palette />
      <div className={css.pages}>{pathname.startsWith('/admin') ? <AdminPages /> : <Pages />}</div>
      <Other desk={pathname.startsWith('/admin')} />
      <div className={css.sideFoot}>
        <a className={css.link} href={docsUrl(language)}>
          <IconBook size={18} aria-hidden />
          {t('app:nav.docs')}
        </a>
        <div className={css.row}>
          <LanguageSelect />
          <ThemeControl />
        </div>
        <UserMenu />
      </div>
    </>
  );
}

function Pages() {
  const { t } = useWords();
  const team = useCurrentTeam();
  if (team === undefined) return null;
  const params = { teamId: team.id };
  return (
    <nav className={css.nav} aria-label={t('app:nav.pages')}>
      <ul>
        {pagesFor(team.role).map(({ to, name, icon: Icon }) => (
          <li key={to}>
            <Link to={to} params={params} activeOptions={{ exact: to === '/teams/$teamId' }} className={css.link}>
              <Icon size={18} aria-hidden />
              {t(name)}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function AdminPages() {
  const { t } = useWords();
  const pages = adminPagesFor(useMe().platform_role);
  if (pages.length === 0) return null;
  return (
    <nav className={css.nav} aria-label={t('app:admin.title')}>
      <span className={css.group}>{t('app:admin.title')}</span>
      <ul>
        {pages.map(({ to, name, icon: Icon }) => (
          <li key={to}>
            <Link to={to} activeOptions={{ exact: to === '/admin' }} className={css.link}>
              <Icon size={18} aria-hidden />
              {t(name)}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}

/** From a team's pages to the platform's, and back. */
function Other({ desk }: { desk: boolean }) {
  const { t } = useWords();
  const team = useCurrentTeam();
  const first = adminPagesFor(useMe().platform_role)[0];
  if (desk) {
    return team === undefined ? null : (
      <Link to="/teams/$teamId" params={{ teamId: team.id }} className={css.link}>
        <IconChevronLeft size={18} aria-hidden />
        {t('app:admin.back')}
      </Link>
    );
  }
  return first === undefined ? null : (
    <Link to={first.to} className={css.link}>
      <IconTool size={18} aria-hidden />
      {t('app:admin.title')}
    </Link>
  );
}

function TeamPicker() {
  const { t } = useWords();
  const me = useMe();
  const current = useCurrentTeam();
  const navigate = useNavigate();
  return (
    <Menu width="target" shadow="md">
      <Menu.Target>
        <UnstyledButton className={css.picker}>
          <span className={css.badge} aria-hidden="true">
            {initial(current?.name ?? '?')}
          </span>
          <span className={css.words}>
            <span>{current?.name ?? t('app:team.none')}</span>
            {current !== undefined && <span>{t(`app:role.${roleOf(current.role)}`)}</span>}
          </span>
          <span className="og-visually-hidden">{t('app:team.switch')}</span>
          <IconSelector size={16} aria-hidden />
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        {me.teams.map((team) => (
          <Menu.Item
            key={team.id}
            leftSection={team.id === current?.id ? <IconCheck size={16} /> : <span style={{ width: 16 }} />}
            onClick={() => void navigate({ to: '/teams/$teamId', params: { teamId: team.id } })}
          >
            {team.name}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item leftSection={<IconPlus size={16} />} onClick={() => void navigate({ to: '/teams/new' })}>
          {t('app:team.new')}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

function UserMenu() {
  const { t } = useWords();
  const { user } = useMe();
  const navigate = useNavigate();
  const forget = useForget();
  const notices = useNotices();
  const signOut = async () => {
    try {
      await api.post('/api/v1/auth/sign-out');
    } catch (error) {
      notices.failed(error as Error);
      return;
    }
    await forget();
    await navigate({ to: '/sign-in' });
  };
  return (
    <Menu width="target" shadow="md" position="top-start">
      <Menu.Target>
        <UnstyledButton className={css.picker}>
          <span className={`${css.badge} ${css.round}`} aria-hidden="true">
            {initial(user.name || user.email)}
          </span>
          <span className={css.words}>
            <span>{user.name || user.email}</span>
            <span>{user.email}</span>
          </span>
          <span className="og-visually-hidden">{t('app:user.menu')}</span>
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item leftSection={<IconUserCircle size={16} />} onClick={() => void navigate({ to: '/profile' })}>
          {t('app:user.profile')}
        </Menu.Item>
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => void signOut()}>
          {t('app:user.signOut')}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

function initial(name: string): string {
  return Array.from(name)[0]?.toUpperCase() ?? '?';
}
