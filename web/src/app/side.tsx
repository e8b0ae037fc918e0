import { Link, useLocation } from '@tanstack/react-router';
import { lazy, Suspense } from 'react';

import { useWords } from '~/i18n/use-words';
import { useMe } from '~/session/me';
import { Brand } from '~/ui/brand';
import { IconBook, IconChevronLeft, IconTool } from '~/ui/icons';
import { docsUrl } from '~/ui/links';
import { LanguageSelect, ThemeControl } from '~/ui/preferences';

import { adminPagesFor } from './admin-pages';
import { useCurrentTeam } from './current-team';
import css from './layout.module.css';
import { TeamFace, UserFace } from './faces';
import { pagesFor } from './pages';
import { Palette } from './palette';

/** What opens is larger than the menu's button: it comes after the page is there. */
const TeamPicker = lazy(() => import('./menus').then((module) => ({ default: module.TeamPicker })));
const UserMenu = lazy(() => import('./menus').then((module) => ({ default: module.UserMenu })));

export function SideContent() {
  const { t, language } = useWords();
  const { pathname } = useLocation();
  return (
    <>
      <Link to="/" className={css.sideBrand} aria-label={t('app:nav.start')} style={{ textDecoration: 'none' }}>
        <Brand />
      </Link>
      <Suspense fallback={<div className={css.picker}><TeamFace /></div>}>
        <TeamPicker />
      </Suspense>
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
        <Suspense fallback={<div className={css.picker}><UserFace /></div>}>
          <UserMenu />
        </Suspense>
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
