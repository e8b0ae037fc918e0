import { Anchor, Group } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Navigate } from '@tanstack/react-router';

import { useWords } from '~/i18n/use-words';
import { meQuery, startingTeam } from '~/session/me';
import { Brand } from '~/ui/brand';
import { IconCompass } from '~/ui/icons';
import { LinkButton } from '~/ui/link';
import { useDocumentTitle } from '~/ui/page';
import { Empty, Failed, Loading } from '~/ui/states';

import css from './layout.module.css';

/** `/`: sign-in for a stranger, the team's home for everybody else. */
export function Landing() {
  const { data: me, error, refetch } = useQuery(meQuery);
  if (error) return <Alone><Failed error={error} retry={() => void refetch()} /></Alone>;
  if (me === undefined) return <Alone><Loading /></Alone>;
  if (me === null) return <Navigate to="/sign-in" replace />;
  const team = startingTeam(me);
  if (team === undefined) return <Navigate to="/teams/new" replace />;
  return <Navigate to="/teams/$teamId" params={{ teamId: team.id }} replace />;
}

export function Alone({ children }: { children: React.ReactNode }) {
  return (
    <main className={css.alone}>
      <Brand />
      {children}
    </main>
  );
}

export function Missing() {
  const { t } = useWords();
  useDocumentTitle(t('app:missing.title'));
  return (
    <Alone>
      <Empty
        alone
        icon={<IconCompass />}
        title={t('app:missing.title')}
        text={t('app:missing.text')}
        action={
          <Group justify="center">
            <LinkButton to="/">
              {t('app:missing.home')}
            </LinkButton>
            <Anchor href="/docs/" size="sm">
              {t('app:nav.docs')}
            </Anchor>
          </Group>
        }
      />
    </Alone>
  );
}

/** A fault of ours. The page is lost; the reader's way on is not. */
export function Crashed({ error, reset }: { error: unknown; reset: () => void }) {
  return (
    <Alone>
      <Failed error={error instanceof Error ? error : new Error(String(error))} retry={reset} />
    </Alone>
  );
}
