import { Burger } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { Outlet, useLocation, useNavigate, useRouter } from '@tanstack/react-router';
import { lazy, Suspense, useEffect } from 'react';

import { Announcements } from '~/features/announcements';
import { useWords } from '~/i18n/use-words';
import { meQuery } from '~/session/me';
import { Brand } from '~/ui/brand';
import { Failed, Loading } from '~/ui/states';

import { ReachBanner } from './banner';
import { Alone } from './landing';
import css from './layout.module.css';
import { SideContent } from './side';

/** Narrow screens alone need it, and only once it is opened. */
const SideDrawer = lazy(() => import('./side-drawer').then((module) => ({ default: module.SideDrawer })));

/** The frame around every page of somebody who is signed in. */
export function Shell() {
  const { t } = useWords();
  const { data: me, error, refetch } = useQuery(meQuery);
  const { pathname } = useLocation();
  const [opened, { open, close }] = useDisclosure(false);
  useEffect(close, [pathname, close]);

  if (error && me === undefined) return <Alone><Failed error={error} retry={() => void refetch()} /></Alone>;
  if (me === undefined) return <Alone><Loading /></Alone>;
  if (me === null) return <ToSignIn />;
  return (
    <>
      <a className="og-skip" href="#main">
        {t('app:skip')}
      </a>
      <div className={css.shell}>
        <aside className={css.side} aria-label={t('app:nav.side')}>
          <SideContent />
        </aside>
        <div className={css.main}>
          <header className={css.top}>
            <Burger size="sm" opened={opened} onClick={open} aria-label={t('app:nav.open')} />
            <Brand />
          </header>
          <ReachBanner />
          <Announcements />
          <main id="main" className={css.content} tabIndex={-1}>
            <Outlet />
          </main>
        </div>
      </div>
      {opened && (
        <Suspense>
          <SideDrawer onClose={close} />
        </Suspense>
      )}
    </>
  );
}

/** Once, with the address as it was: while the browser is on its way the address changes already. */
function ToSignIn() {
  const navigate = useNavigate();
  const router = useRouter();
  useEffect(() => {
    const { href, pathname } = router.state.location;
    if (pathname === '/sign-in') return; // on the way already
    void navigate({ to: '/sign-in', search: { next: href }, replace: true });
  }, [navigate, router]);
  return null;
}
