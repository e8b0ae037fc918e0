import { Anchor } from '@mantine/core';
import { Outlet } from '@tanstack/react-router';

import { useWords } from '~/i18n/use-words';
import { Brand } from '~/ui/brand';
import { CodeBlock } from '~/ui/copy';
import { docsUrl } from '~/ui/links';
import { LanguageSelect, ThemeControl } from '~/ui/preferences';

import { ReachBanner } from './banner';
import css from './layout.module.css';
import { ReadyDot } from './ready-dot';

/** Sign-in and its neighbours; beside them, what this place is, for who came here first. */
export function GuestLayout() {
  const { t, language } = useWords();
  return (
    <div className={css.guest}>
      <div className={css.guestForm}>
        <ReachBanner />
        <header className={css.guestTop}>
          <Brand />
          <LanguageSelect />
        </header>
        <main className={css.guestMain} id="main" tabIndex={-1}>
          <Outlet />
        </main>
        <footer className={css.guestFoot}>
          <ReadyDot />
          <ThemeControl />
        </footer>
      </div>
      <aside className={css.guestAside} aria-labelledby="about">
        <h2 id="about">{t('app:about.title')}</h2>
        <p>{t('app:about.lead')}</p>
        <div className={css.facts}>
          <span className={css.label}>{t('app:about.base')}</span>
          <CodeBlock code={`${window.location.origin}/v1`} label={t('app:about.base')} />
        </div>
        <p>
          <Anchor href={docsUrl(language)} inherit underline="always">
            {t('app:about.docs')}
          </Anchor>
        </p>
      </aside>
    </div>
  );
}
